import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineCrashed, EngineProcess, EngineStopped } from '../../../server/jobs/engineProcess.ts';
import type { EngineEvents } from '../../../server/protocol/engine.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the engine’s process', () => {
  const temporary = temporaryFolder();
  const source = { rows: [{ prompt: 'p' }] };
  let entry = '';
  let engine: EngineProcess;
  before(async () => {
    entry = await bundleProgram('test/support/fakeEngine.ts');
  });
  beforeEach(() => {
    engine = new EngineProcess({ entry });
  });
  afterEach(() => engine.close());

  it('answers calls and passes events on, infinities and NaN included', async () => {
    const events: EngineEvents['generate'][] = [];
    const result = await engine.call(
      'generate',
      { model: 'm', source, samples: 2 },
      { onEvent: (event) => events.push(event) },
    );
    assert.deepEqual(result, { rows: 1, answers: 2, tokens: 2, finished: 2 });
    assert.equal(events.length, 2);
    const row = { row: 0, sample: 1, text: 'm', ids: [1], logps: [Number.NEGATIVE_INFINITY], finished: true };
    assert.deepEqual(events[1], { kind: 'row', row });
    const { loss, perplexity } = (await engine.call('evaluate', { model: 'm', source: { rows: [] } })) as {
      loss: number;
      perplexity: number;
    };
    assert.ok(Number.isNaN(loss) && perplexity === Number.POSITIVE_INFINITY);
  });

  it('drops no row and few progress events', async () => {
    const kinds = { row: 0, progress: 0, notice: 0 };
    const began = performance.now();
    const counted = { onEvent: ({ kind }: EngineEvents['generate']) => void kinds[kind]++ };
    await engine.call('generate', { model: 'm', source, samples: 500, maxNewTokens: 20 }, counted);
    assert.equal(kinds.row, 500);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(kinds.progress <= 10 * seconds + 2, `${kinds.progress} progress events in ${seconds} s`);
  });

  it('turns the engine’s errors into this process’s', async () => {
    const call = (model: string) => engine.call('generate', { model, source });
    await assert.rejects(call('missing'), /^UserError: missing: there is no such model\.$/);
    await assert.rejects(
      call('broken'),
      (error: Error) => /a fault of the engine/.test(error.message) && /fakeEngine/.test(error.stack ?? ''),
    );
    assert.ok(await call('fine'));
  });

  it('a crash rejects what waits, with its last words, and the next call starts again', async () => {
    const first = engine.call('generate', { model: 'crash', source });
    const second = engine.call('score', { model: 'm', adapter: 'a', source: { rows: [] } });
    for (const call of [first, second]) {
      await assert.rejects(
        call,
        (error: Error) =>
          error instanceof EngineCrashed && /SIGABRT[\s\S]*last lines[\s\S]*last words/.test(error.message),
      );
    }
    assert.equal(engine.pid, undefined);
    await assert.rejects(
      engine.call('generate', { model: 'exit', source }),
      /EngineCrashed: The engine ended with code 3\./,
    );
    assert.ok(await engine.call('generate', { model: 'fine', source }));
  });

  it('a program that cannot be started is told', async () => {
    const broken = new EngineProcess({ entry: '/nowhere/engine.js' });
    await assert.rejects(
      broken.call('describe', {}),
      /EngineCrashed: The engine ended with code 1\.[\s\S]*Cannot find module/,
    );
    await broken.close();
  });

  it('a call is stopped by its signal, before and while it runs', async () => {
    await assert.rejects(
      engine.call('generate', { model: 'm', source }, { signal: AbortSignal.abort() }),
      EngineStopped,
    );
    const controller = new AbortController();
    const call = engine.call(
      'generate',
      { model: 'endless', source },
      { signal: controller.signal, onEvent: () => controller.abort() },
    );
    await assert.rejects(call, EngineStopped);
    const { requests } = await engine.call('describe', {});
    assert.deepEqual(requests, []);
  });

  it('an interactive call is served while a long one runs', async () => {
    const controller = new AbortController();
    const started = new Promise<void>((resolve) => {
      const long = engine.call(
        'generate',
        { model: 'endless', source },
        { signal: controller.signal, onEvent: () => resolve() },
      );
      long.catch(() => {});
    });
    await started;
    const rows = [{ text: 'a' }, { text: 'b' }];
    const result = await engine.call(
      'score',
      { model: 'm', adapter: 'a', source: { rows } },
      { priority: 'interactive' },
    );
    assert.equal(result.rows, 2);
    controller.abort();
  });

  it('a listener’s error is the caller’s answer', async () => {
    const onEvent = () => {
      throw new RangeError('the listener fails');
    };
    await assert.rejects(
      engine.call('generate', { model: 'm', source }, { onEvent }),
      /RangeError: the listener fails/,
    );
    assert.ok(await engine.call('generate', { model: 'm', source }));
  });

  it('closing stops what runs; no call works afterwards', async () => {
    let stopped: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      stopped = assert.rejects(
        engine.call('generate', { model: 'endless', source }, { onEvent: () => resolve() }),
        EngineStopped,
      );
    });
    await engine.close();
    await stopped;
    await assert.rejects(engine.call('describe', {}), /The engine is closed/);
  });

  describe('without its parent', () => {
    const out = () => join(temporary.path, 'orphan');
    let child: ChildProcess;
    const train = (wait: number) => ({
      stage: 'sft',
      model: 'm',
      data: temporary.write('data.jsonl', '{}\n'),
      out: out(),
      config: { value: { steps: 1e6, wait }, source: 'test' },
    });

    it('saves and ends', async () => {
      child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
      const stepped = new Promise<void>((resolve) => {
        child.on('message', (message) => JSON.stringify(message).includes('"steps":') && resolve());
      });
      child.send({ request: 1, method: 'train', priority: 'background', params: train(1) });
      await stepped;
      child.disconnect();
      assert.deepEqual(await once(child, 'exit'), [0, null]);
      const { status, stages } = JSON.parse(readFileSync(join(out(), 'manifest.json'), 'utf8'));
      assert.equal(status, 'paused');
      assert.ok(stages[0].step >= 1);
      assert.ok(!existsSync(join(out(), 'lock.json')));
    });

    it('ends at once where it has nothing to do', async () => {
      const idle = fork(entry, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
      idle.disconnect();
      assert.deepEqual(await once(idle, 'exit'), [0, null]);
    });
  });

  it('says that it is not started by hand', () => {
    const { status, stderr } = spawnSync(process.execPath, [entry], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /The engine is started by Palate, not by hand/);
  });
});
