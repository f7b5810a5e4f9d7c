import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineHost } from '../../server/jobs/engineHost.ts';
import { packageRoot } from '../../server/paths.ts';
import type { PreferenceRow } from '../../server/protocol/types.ts';
import type { LabelledSource } from '../../server/scores/labelledScores.ts';
import type { LabelledResponse, ProjectStore, PromptEntry } from '../../server/store/projectStore.ts';

export const embedded = join(packageRoot(), 'models', 'tiny');

const things = ['soup', 'tea', 'room', 'walk', 'film', 'cake', 'bed', 'song', 'bus', 'park', 'hat', 'pie'];

/** Pairs whose chosen response is warm and whose rejected one is cold: a few steps teach the difference. */
export const labelledPairs: readonly PreferenceRow[] = things.flatMap((thing) =>
  ['The', 'Our'].map((whose) => ({
    prompt: `${whose} ${thing} was`,
    chosen: ' good and warm.',
    rejected: ' bad and cold.',
    chosenFinished: true,
    rejectedFinished: true,
  })),
);

/** Trains a reward model on the embedded base into .palate/runs/NAME of the folder; returns the run's folder. */
export async function trainReward(
  engine: EngineHost,
  folder: string,
  name: string,
  { seed = 0, epochs = 8 }: { readonly seed?: number; readonly epochs?: number } = {},
): Promise<string> {
  const out = join(folder, '.palate', 'runs', name);
  mkdirSync(join(folder, '.palate', 'runs'), { recursive: true });
  await engine.call('train', {
    stage: 'reward',
    model: embedded,
    data: writePairs(folder),
    out,
    seed,
    config: { value: { reward: { rank: 4, batchSize: 8, epochs, learningRate: 3e-3 } }, source: 'the test' },
  });
  return out;
}

export function writePairs(folder: string): string {
  const path = join(folder, 'pairs.jsonl');
  const lines = labelledPairs.map(({ prompt, chosen, rejected }) => JSON.stringify({ prompt, chosen, rejected }));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** The part of a store that scores need, over these labelled pairs. */
export function labelledStore(
  folder: string,
  pairs: readonly PreferenceRow[] = labelledPairs,
): LabelledSource & Pick<ProjectStore, 'folder' | 'prompts'> {
  const responses: LabelledResponse[] = pairs.flatMap(({ prompt, chosen, rejected }, k) =>
    [chosen, rejected].map((text, side) => ({
      id: `response ${k} ${side}`,
      prompt: { id: `prompt ${k}`, content: prompt },
      text,
      finished: true,
    })),
  );
  const prompts = pairs.map(
    ({ prompt }, k): PromptEntry => ({
      prompt: { id: `prompt ${k}`, content: prompt },
      responses: responses
        .slice(2 * k, 2 * k + 2)
        .map(({ id, text }) => ({ id, parts: [{ type: 'text', text }], finished: true })),
    }),
  );
  return {
    folder,
    labelledResponses: async () => responses,
    preferences: async () => ({ rows: pairs, leftOut: {} }),
    prompts: async () => prompts,
    onChange: () => () => {},
  };
}
