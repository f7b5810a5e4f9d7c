import { join } from 'node:path';
import { checkKillResume } from '../../../support/killResume.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('a run whose engine is killed', () => {
  const folder = temporaryFolder();
  const options = (name: string) => ({
    entry: 'test/support/fakeEngine.ts',
    params: {
      stage: 'all' as const,
      model: '/models/fake',
      data: folder.write('data.jsonl', '{}\n'),
      config: { value: { steps: 11 }, source: 'test' },
    },
    folder: join(folder.path, name),
  });

  for (const stage of ['sft', 'reward', 'ppo'] as const) {
    it(`after each of steps 1 to 10 of ${stage} ends with the bytes of one never killed`, () =>
      checkKillResume({ ...options(stage), stage }));
  }

  it('and that has no checkpoint starts the stage again, and ends the same', () =>
    checkKillResume({ ...options('none'), stage: 'reward', steps: [1, 7], checkpointSeconds: 1e9 }));
});
