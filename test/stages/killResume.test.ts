import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainParams } from '../../server/protocol/engine.ts';
import { checkKillResume } from '../support/killResume.ts';
import { preferenceRows } from '../support/preferenceRows.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

/** Small steps, so that each stage has at least eleven; several micro-batches in each. */
const config = {
  sft: { batchSize: 2, epochs: 2, rank: 2, microBatchTokens: 64, warmupSteps: 2 },
  reward: { batchSize: 2, epochs: 3, heldOut: 0.2, microBatchTokens: 64, schedule: 'cosine' },
  ppo: {
    iterations: 3,
    rolloutBatch: 4,
    batchSize: 2,
    maxNewTokens: 6,
    microBatchTokens: 64,
    klTarget: 0.5,
    klHorizon: 20,
    missingEosPenalty: 0.5,
    entropyCoefficient: 0.01,
  },
};

describe('a real stage whose engine is killed', () => {
  const folder = temporaryFolder();
  let params: Omit<TrainParams, 'out'>;

  before(async () => {
    const model = await writeTinyModel(join(folder.path, 'model'));
    const data = join(folder.path, 'preferences.jsonl');
    writeFileSync(data, preferenceRows(12));
    params = { stage: 'all', model, data, config: { value: config, source: 'test' }, seed: 3, threads: 1 };
  });

  for (const stage of ['sft', 'reward', 'ppo'] as const) {
    it(`after each of steps 1 to 10 of ${stage} ends with the bytes of one never killed`, async function () {
      this.timeout(300_000);
      // Stages before the killed one are run as they are; those after it show that what it left is whole.
      const needed = { sft: 'sft', reward: 'all', ppo: 'all' } as const;
      await checkKillResume({ params: { ...params, stage: needed[stage] }, stage, folder: join(folder.path, stage) });
    });
  }
});
