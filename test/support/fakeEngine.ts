/** An engine that loads no models, to be forked by tests of what surrounds the models. */
import { setTimeout as delay } from 'node:timers/promises';
import { exportModel } from '../../server/engine/export.ts';
import { stageOrder, trainRun } from '../../server/engine/run/train.ts';
import { serveParent } from '../../server/engine/serve/serve.ts';
import { UserError } from '../../server/errors.ts';
import type { TaskHandlers } from '../../server/protocol/engine.ts';
import { type FakeConfig, fakePlan } from './fakeStage.ts';
import { dieAfterStep } from './killable.ts';

const handlers: TaskHandlers = {
  /** Answers with as many rows as samples are wanted; the model's path says what goes wrong. */
  async *generate({ model, samples = 1, maxNewTokens = 0 }) {
    if (model === 'missing') throw new UserError('missing: there is no such model.');
    if (model === 'broken') throw new TypeError('a fault of the engine');
    if (model === 'crash') {
      console.error('last words');
      process.kill(process.pid, 'SIGABRT');
    }
    if (model === 'exit') process.exit(3);
    if (model === 'endless')
      for (let done = 0; ; done++, await delay(1)) yield { kind: 'progress', what: 'decoding', done, total: 0 };
    for (let sample = 0; sample < samples; sample++) {
      for (let done = 0; done < maxNewTokens; done++)
        yield { kind: 'progress', what: 'decoding', done, total: maxNewTokens };
      yield {
        kind: 'row',
        row: { row: 0, sample, text: model, ids: [1], logps: [Number.NEGATIVE_INFINITY], finished: true },
      };
    }
    return { rows: 1, answers: samples, tokens: samples, finished: samples };
  },
  async *evaluate() {
    yield { kind: 'notice', message: 'nothing to evaluate' };
    return { rows: 0, loss: Number.NaN, perplexity: Number.POSITIVE_INFINITY, tokens: 0 };
  },
  async *score({ source }) {
    const rows = 'rows' in source ? source.rows : [];
    for (let row = 0; row < rows.length; row++) yield { kind: 'row', row: { row, reward: row / 2 } };
    return { rows: rows.length, rewards: rows.length, mean: 0, deviation: 0 };
  },
  exportModel,
  train: (params, context) =>
    trainRun(
      params,
      async () => fakePlan(params.stage === 'all' ? stageOrder : [params.stage], params.config?.value as FakeConfig),
      context,
    ),
};

serveParent(dieAfterStep(handlers));
