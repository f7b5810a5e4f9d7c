import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineProcess } from '../../../server/jobs/engineProcess.ts';
import type { EngineEvents, TrainParams } from '../../../server/protocol/engine.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { nativeTensorflow } from '../../support/native.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { writeTinyModel } from '../../support/tinyModel.ts';

describe('train on tensorflow', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  let entry = '';
  let params: Omit<TrainParams, 'out'>;

  before(async () => {
    entry = await bundleProgram('server/engine/main.ts');
    const rows = Array.from({ length: 12 }, (_, k) => ({ prompt: `say ${k}`, chosen: `a ${k} b`, rejected: `c ${k}` }));
    const data = folder.write('preferences.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const small = { batchSize: 2, rank: 2, microBatchTokens: 64 };
    const ppo = { iterations: 1, rolloutBatch: 4, batchSize: 2, maxNewTokens: 4, microBatchTokens: 64 };
    const value = { engine: 'tensorflow', sft: small, reward: { ...small, epochs: 1 }, ppo };
    const model = await writeTinyModel(join(folder.path, 'model'));
    params = { stage: 'all', model, data, config: { value, source: 'test' }, seed: 3, threads: 1 };
  });

  /** One sitting in an engine of its own; with `until` it is stopped once that stage has made so many steps. */
  async function sit(
    more: Pick<TrainParams, 'out' | 'engine' | 'resume'>,
    options: { readonly until?: { stage: string; step: number }; readonly home?: string } = {},
  ) {
    const { until, home } = options;
    const env = home === undefined ? process.env : { ...process.env, PALATE_HOME: home };
    const engine = new EngineProcess({ entry, env });
    const stop = new AbortController();
    const notices: string[] = [];
    const onEvent = (event: EngineEvents['train']) => {
      if (event.kind === 'notice') notices.push(event.message);
      if (event.kind === 'metrics' && event.stage === until?.stage && event.step >= until.step) stop.abort();
    };
    try {
      const summary = await engine.call('train', { ...params, ...more }, { signal: stop.signal, onEvent });
      return { summary, notices };
    } finally {
      await engine.close();
    }
  }

  const manifestOf = (out: string) => JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));

  it('says which command sets it up, where it is not', async () => {
    const out = join(folder.path, 'without');
    await assert.rejects(sit({ out }, { home: join(folder.path, 'nothing here') }), (error: Error) => {
      assert.equal(error.name, 'UserError');
      assert.match(error.message, /has no native part on this machine: run `npm run setup:tensorflow`/);
      return true;
    });
  });

  for (const [first, second] of [
    ['tensorflow', 'onnx'],
    ['onnx', 'tensorflow'],
  ] as const) {
    it(`a run begun on ${first} is finished on ${second}, which is told`, async function () {
      nativeTensorflow(this);
      const out = join(folder.path, first);
      const begun = await sit({ out, engine: first }, { until: { stage: 'reward', step: 2 } });
      assert.equal(begun.summary.status, 'paused');
      assert.equal(manifestOf(out).stages[0].settings.engine, first);
      const finished = await sit({ out, engine: second, resume: true });
      assert.equal(finished.summary.status, 'done');
      assert.ok(
        finished.notices.some((notice) => notice.includes(`on the engine ${first} and goes on with ${second}`)),
      );
      const { versions, stages } = manifestOf(out);
      assert.equal(stages[2].settings.engine, second);
      assert.equal('libtensorflow' in versions, second === 'tensorflow');
      if (second === 'tensorflow') {
        assert.match(versions['libtensorflow device'], /^[CG]PU$/);
        const ran = versions['libtensorflow device'] === 'GPU' ? 'GPU (TensorFlow)' : 'CPU';
        assert.equal(stages.at(-1).devices.at(-1), ran);
      }
      assert.deepEqual(
        stages.map(({ status }: { status: string }) => status),
        ['done', 'done', 'done'],
      );
    });
  }
});
