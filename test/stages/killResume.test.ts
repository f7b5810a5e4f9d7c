import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainParams } from '../../server/protocol/engine.ts';
import { checkKillResume } from '../support/killResume.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const words = ['the', 'and', 'a thing', 'it is', 'on the bench', 'no', 'sing', 'ten men', 'rest', 'in an hour'];

/** Preference rows of every kind: plain and conversational, finished and cut, several of one prompt. */
function preferenceRows(): string {
  const word = (k: number) => words[k % words.length];
  const lines = Array.from({ length: 12 }, (_, k) => {
    const prompt = `${word(k >> 1)} ${word((k >> 1) + 3)}`;
    const answers = { chosen: `${word(k + 1)} ${word(k + 4)}`, rejected: word(k + 7), chosen_finished: k % 3 !== 0 };
    if (k % 4 < 2) return { prompt, ...answers };
    return {
      ...answers,
      prompt: [{ role: 'user', content: prompt }],
      chosen: [{ role: 'assistant', content: answers.chosen }],
      rejected: [{ role: 'assistant', content: answers.rejected }],
    };
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

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
    writeFileSync(data, preferenceRows());
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
