import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createScorer } from '../../../server/scores/createScorer.ts';
import { recordingHost } from '../../support/engineHost.ts';
import { languageClient } from '../../support/languageClient.ts';
import { embedded, labelledStore, trainReward, writePairs } from '../../support/rewardProject.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('scores while PPO runs', () => {
  const folder = temporaryFolder();
  const engine = recordingHost();
  after(() => engine.close());

  it('the first visible one comes within two optimiser steps', async () => {
    const out = await trainReward(engine, folder.path, 'one', { epochs: 1 });
    const project = folder.path;
    const store = labelledStore(project, []);
    const adapter = join(out, 'reward');
    const scorer = createScorer({
      store,
      engineHost: engine,
      activeRewardModel: async () => ({ model: embedded, adapter }),
    });
    const client = await languageClient({
      projects: { of: async () => project, store: async () => store },
      scorerOf: async () => scorer,
      settings: () => ({ inlineScores: 'inlay', trusted: true }),
    });
    const stopping = new AbortController();
    let [steps, trained] = [0, false];
    let onFirst = () => {};
    const firstStep = new Promise<void>((resolve) => {
      onFirst = resolve;
    });
    const training = train(() => {
      steps++;
      onFirst();
    }).finally(() => {
      trained = true;
    });
    function train(onStep: () => void) {
      const ppo = { iterations: 200, rolloutBatch: 8, batchSize: 4, maxNewTokens: 16 };
      return engine.call(
        'train',
        {
          stage: 'ppo',
          model: embedded,
          data: writePairs(project),
          out,
          config: { value: { ppo }, source: 'the test' },
        },
        { signal: stopping.signal, onEvent: (event) => event.kind === 'metrics' && onStep() },
      );
    }
    try {
      await Promise.race([firstStep, training]);
      assert.equal(engine.busy, true);
      const file = join(project, 'rows.jsonl');
      const rows = Array.from({ length: 40 }, (_, k) =>
        JSON.stringify({ prompt: `Place ${k} was`, completion: ' nice.' }),
      );
      client.open(file, rows.join('\n'));
      const asked = steps;
      const labels = await client.until(async () => {
        const found = await client.labels(file, 0, 39);
        return found.some((label) => /\d\.\d$/.test(label)) ? found : undefined;
      });
      const waited = steps - asked;
      assert.equal(trained, false);
      assert.equal(labels.length, 40);
      assert.ok(waited <= 2, `${waited} steps`);
    } finally {
      stopping.abort();
      await training;
      client.end();
      await scorer.close();
    }
  });
});
