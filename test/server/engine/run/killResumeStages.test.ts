import { join } from 'node:path';
import { packageRoot } from '../../../../server/paths.ts';
import type { StageName } from '../../../../server/protocol/types.ts';
import { checkKillResume } from '../../../support/killResume.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

/** Twelve steps or a few more of each stage. */
const config = {
  sft: { batchSize: 2, rank: 4 },
  reward: { batchSize: 2, epochs: 2 },
  ppo: { iterations: 4, rolloutBatch: 8, batchSize: 4, policyEpochs: 1, criticEpochs: 1, maxNewTokens: 6 },
};

describe('each stage, its engine killed after each of steps 1 to 10 and resumed, ends with the same bytes:', () => {
  const folder = temporaryFolder();
  for (const stage of ['sft', 'reward', 'ppo'] as const satisfies StageName[]) {
    it(stage, () =>
      checkKillResume({
        params: {
          stage: 'all',
          model: join(packageRoot(), 'models', 'tiny'),
          data: folder.write('data.jsonl', preferences()),
          config: { value: config, source: 'the test' },
          threads: 1,
        },
        stage,
        folder: join(folder.path, stage),
      }),
    );
  }
});

/** Cut and complete answers of different lengths. */
function preferences(): string {
  const rows = Array.from({ length: 24 }, (_, row) => ({
    prompt: `Meal ${row} of ${24 - (row % 7)} was`,
    chosen: ` good${' and warm'.repeat(row % 3)}.`,
    rejected: ` cold${' and late'.repeat((row + 1) % 4)}.`,
    chosen_finished: row % 5 > 0,
  }));
  return rows.map((row) => JSON.stringify(row)).join('\n');
}
