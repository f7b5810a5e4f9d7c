import assert from 'node:assert/strict';
import { UserError } from '../../../server/errors.ts';
import {
  createEngineHost,
  type EngineHostOptions,
  type OpenEngineHost,
} from '../../../server/jobs/createEngineHost.ts';
import { EngineCrashed, EngineProcess } from '../../../server/jobs/engineProcess.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { gone } from '../../support/gone.ts';

describe('the server’s engine', () => {
  const source = { rows: [{ prompt: 'p' }] };
  let entry = '';
  let host: OpenEngineHost;
  before(async () => {
    entry = await bundleProgram('test/support/fakeEngine.ts');
  });
  afterEach(() => host.close());

  const open = (options: EngineHostOptions = {}) => {
    host = createEngineHost({ createEngine: () => new EngineProcess({ entry }), ...options });
    return host;
  };
  /** Begins a background task that ends when it is told to. */
  async function busyWith(model: string) {
    const controller = new AbortController();
    let ended: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      const options = { signal: controller.signal, onEvent: () => resolve() };
      ended = host.call('generate', { model, source }, options).catch(() => {});
    });
    return {
      end: async () => {
        controller.abort();
        await ended;
      },
    };
  }

  it('starts with the first call, and knows which model it holds', async () => {
    open();
    assert.deepEqual([host.pid, host.busy, host.holds('m')], [undefined, false, false]);
    await host.call('describe', {});
    assert.ok(host.pid !== undefined && !host.holds('m'));
    await host.call('generate', { model: 'm', source });
    assert.deepEqual([host.holds('m'), host.holds('n'), host.busy], [true, false, false]);
  });

  it('ends when nobody has called it for a while, and starts again', async () => {
    open({ idleMinutes: 0.0005 });
    await host.call('generate', { model: 'm', source });
    const first = host.pid as number;
    await gone(first);
    assert.equal(host.holds('m'), false);
    await host.call('generate', { model: 'm', source });
    assert.ok(host.pid === undefined || host.pid !== first);
  });

  it('begins anew after a crash, and says so', async () => {
    const crashes: string[] = [];
    open({ onCrash: (message) => crashes.push(message) });
    await host.call('generate', { model: 'm', source });
    await assert.rejects(host.call('generate', { model: 'crash', source }), EngineCrashed);
    assert.match(crashes.join(), /SIGABRT[\s\S]*last words/);
    assert.equal(host.holds('m'), false);
    await host.call('generate', { model: 'm', source });
  });

  it('while it works with one model, another is refused, and the same is served', async () => {
    open();
    const task = await busyWith('endless');
    assert.equal(host.busy, true);
    const score = (model: string) =>
      host.call('score', { model, adapter: 'a', source: { rows: [{ text: 'x' }] } }, { priority: 'interactive' });
    await assert.rejects(
      score('other'),
      (error) => error instanceof UserError && /at work with the model/.test(error.message),
    );
    assert.equal((await score('endless')).rows, 1);
    await task.end();
    assert.equal((await score('other')).rows, 1);
  });

  it('computes nothing where that is not allowed', async () => {
    open({
      check() {
        throw new UserError('This workspace is not trusted.');
      },
    });
    await assert.rejects(host.call('generate', { model: 'm', source }), /not trusted/);
    assert.ok(await host.call('describe', {}));
  });
});
