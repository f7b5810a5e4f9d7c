import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScorer } from '../../../server/scores/createScorer.ts';
import { recordingHost } from '../../../test/support/engineHost.ts';
import { languageClient } from '../../../test/support/languageClient.ts';
import { embedded, labelledStore, trainReward } from '../../../test/support/rewardProject.ts';
import type { Measured } from './figures.ts';

const lines = 1000;
/** What an editor shows of a file. */
const onScreen = 50;

/**
 * From opening a JSONL of 1,000 pairs to its first visible rewards on the embedded model, nothing cached and no engine
 * running: the engine starts, loads, compiles and scores in it.
 */
export async function measureFirstScores(): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'palate-bench-'));
  const teacher = recordingHost();
  const engine = recordingHost();
  try {
    const adapter = join(await trainReward(teacher, folder, 'one', { epochs: 1 }), 'reward');
    await teacher.close();
    const store = labelledStore(folder);
    const activeRewardModel = async () => ({ model: embedded, adapter });
    const scorer = createScorer({ store, engineHost: engine, activeRewardModel });
    const client = await languageClient({
      projects: { of: async () => folder, store: async () => store },
      scorerOf: async () => scorer,
      settings: () => ({ inlineScores: 'inlay', trusted: true }),
    });
    const path = join(folder, 'rows.jsonl');
    const start = performance.now();
    client.open(path, rows().join('\n'));
    const seconds = async (enough: (scored: number, all: number) => boolean) => {
      await client.until(async () => {
        const labels = await client.labels(path, 0, onScreen - 1);
        const scored = labels.filter((label) => /\d\.\d$/.test(label)).length;
        return enough(scored, labels.length) ? true : undefined;
      });
      return (performance.now() - start) / 1000;
    };
    const first = await seconds((scored) => scored > 0);
    const all = await seconds((scored, shown) => scored === shown);
    client.end();
    await scorer.close();
    return [
      { name: 'first visible scores of 1,000 lines, embedded model', value: first, unit: 's', bar: { max: 2 } },
      { name: `all scores on screen (${onScreen} pairs)`, value: all, unit: 's' },
    ];
  } finally {
    await Promise.all([teacher.close(), engine.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function rows(): string[] {
  return Array.from({ length: lines }, (_, k) =>
    JSON.stringify({
      prompt: `Guest ${k} wrote about the soup: it was`,
      chosen: ' good, warm, and there was a lot of it. We will come again.',
      rejected: ' bad and cold, and nobody came when we asked for another one.',
    }),
  );
}
