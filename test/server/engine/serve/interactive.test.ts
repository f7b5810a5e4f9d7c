import assert from 'node:assert/strict';
import { join } from 'node:path';
import { EngineProcess } from '../../../../server/jobs/engineProcess.ts';
import { packageRoot } from '../../../../server/paths.ts';
import type { EngineEvents, TrainParams } from '../../../../server/protocol/engine.ts';
import type { GenerateSummary } from '../../../../server/protocol/types.ts';
import { bundleProgram } from '../../../support/bundle.ts';
import { adapterHashes } from '../../../support/killResume.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('interactive requests while a model trains', () => {
  const folder = temporaryFolder();
  const model = join(packageRoot(), 'models', 'tiny');

  it('are answered between its steps, and change nothing in what is trained', async () => {
    const rows = Array.from({ length: 16 }, (_, row) => ({ prompt: `Meal ${row} was`, completion: ' warm and good.' }));
    const params: Omit<TrainParams, 'out'> = {
      stage: 'sft',
      model,
      data: folder.write('data.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')),
      config: { value: { sft: { batchSize: 2, rank: 4, epochs: 2 } }, source: 'the test' },
      threads: 1,
    };
    const engine = new EngineProcess({ entry: await bundleProgram('test/support/killableEngine.ts') });
    try {
      await engine.call('train', { ...params, out: join(folder.path, 'alone') });
      const answers: Promise<GenerateSummary>[] = [];
      let trained = false;
      let early = 0;
      const onEvent = (event: EngineEvents['train']) => {
        if (event.kind !== 'metrics' || answers.length === 3) return;
        const asked = { model, source: { rows: [{ prompt: 'The soup was' }] }, maxNewTokens: 4, threads: 1 };
        const answer = engine.call('generate', asked, { priority: 'interactive' });
        answers.push(answer);
        void answer.then(() => {
          early += trained ? 0 : 1;
        });
      };
      await engine.call('train', { ...params, out: join(folder.path, 'served') }, { onEvent });
      trained = true;
      assert.deepEqual(
        (await Promise.all(answers)).map((summary) => summary.answers),
        [1, 1, 1],
      );
      assert.equal(early, 3);
    } finally {
      await engine.close();
    }
    assert.deepEqual(adapterHashes(join(folder.path, 'served')), adapterHashes(join(folder.path, 'alone')));
  });
});
