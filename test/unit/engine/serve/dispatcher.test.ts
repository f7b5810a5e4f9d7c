import assert from 'node:assert/strict';
import { Dispatcher } from '../../../../server/engine/serve/dispatcher.ts';
import { UserError } from '../../../../server/errors.ts';
import type { EngineMessage, EngineMethod, Priority, TaskHandlers } from '../../../../server/protocol/engine.ts';

/** A dispatcher whose tasks are told step by step when to go on. */
function start(handlers: Partial<TaskHandlers> = {}) {
  const log: string[] = [];
  const messages: EngineMessage[] = [];
  const closed: string[] = [];
  const arrived: (() => void)[] = [];
  /** Yields `steps` times; the name of a task is its model. */
  async function* work({ model, maxNewTokens: steps = 3 }: { model: string; maxNewTokens?: number }) {
    try {
      for (let step = 1; step <= steps; step++) {
        log.push(`${model} ${step}`);
        yield { kind: 'notice', message: `${model} ${step}` } as const;
      }
      return { rows: 1, answers: 1, tokens: steps, finished: 1 };
    } finally {
      closed.push(model);
    }
  }
  const table: TaskHandlers = {
    generate: work,
    evaluate: async function* ({ model }) {
      yield* work({ model, maxNewTokens: 1 });
      return { rows: 1, loss: 1, perplexity: Math.E, tokens: 1 };
    },
    score: async function* ({ model }) {
      yield* work({ model, maxNewTokens: 1 });
      return { rows: 1, rewards: 1, mean: 0, deviation: 0 };
    },
    exportModel: async function* ({ model, out }) {
      yield* work({ model, maxNewTokens: 1 });
      return { out, format: 'safetensors', parameters: 1, bytes: 1 };
    },
    async *train({ model }, { signal }) {
      for (let step = 1; !signal.aborted && step < 10_000; step++) {
        log.push(`${model} ${step}`);
        yield { kind: 'notice', message: `${model} ${step}` };
      }
      log.push(`${model} saved`);
      return { status: 'paused', out: '', adapters: {}, stages: [] };
    },
    ...handlers,
  };
  const send = async (message: EngineMessage) => {
    if (JSON.stringify(message).includes('unsendable')) throw new Error('The message could not be cloned.');
    messages.push(message);
    for (const wake of arrived.splice(0)) wake();
  };
  const dispatcher = new Dispatcher({ send }, table);
  const request = (id: number, method: EngineMethod, params: object, priority: Priority = 'background') =>
    dispatcher.receive({ request: id, method, priority, params });
  /** The first message that fits, waited for. */
  const message = async (fits: (message: EngineMessage) => boolean): Promise<EngineMessage> => {
    for (;;) {
      const found = messages.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => arrived.push(resolve));
    }
  };
  const reply = (id: number) => message((other) => other.request === id && !('event' in other));
  const event = (id: number) => message((other) => other.request === id && 'event' in other);
  return { log, messages, closed, dispatcher, request, reply, event };
}

describe('the engine’s dispatcher', () => {
  it('answers with events, then the result', async () => {
    const { request, reply, messages } = start();
    request(1, 'generate', { model: 'a', maxNewTokens: 2 });
    await reply(1);
    assert.deepEqual(messages, [
      { request: 1, event: { kind: 'notice', message: 'a 1' } },
      { request: 1, event: { kind: 'notice', message: 'a 2' } },
      { request: 1, ok: { rows: 1, answers: 1, tokens: 2, finished: 1 } },
    ]);
  });

  it('runs background tasks one after the other', async () => {
    const { request, reply, log } = start();
    request(1, 'generate', { model: 'a', maxNewTokens: 2 });
    request(2, 'generate', { model: 'b', maxNewTokens: 2 });
    await reply(2);
    assert.deepEqual(log, ['a 1', 'a 2', 'b 1', 'b 2']);
  });

  it('serves interactive requests between two steps of a background one', async () => {
    const { request, reply, event, log, dispatcher } = start();
    request(1, 'train', { model: 'long' });
    await event(1);
    request(2, 'score', { model: 'x' }, 'interactive');
    request(3, 'generate', { model: 'y', maxNewTokens: 2 }, 'interactive');
    await reply(3);
    const first = log.indexOf('x 1');
    // At most one step late, then both to their end.
    assert.ok(first <= 3, log.join(', '));
    assert.deepEqual(log.slice(first, first + 3), ['x 1', 'y 1', 'y 2']);
    await dispatcher.stopAll();
  });

  it('an interactive request goes before waiting background ones', async () => {
    const { request, reply, log } = start();
    request(1, 'generate', { model: 'a', maxNewTokens: 1 });
    request(2, 'generate', { model: 'b', maxNewTokens: 1 });
    request(3, 'score', { model: 'c' }, 'interactive');
    await reply(2);
    assert.deepEqual(log, ['a 1', 'c 1', 'b 1']);
  });

  it('a stopped task is closed where it stands, and answered as stopped', async () => {
    const { request, reply, event, closed } = start();
    request(1, 'generate', { model: 'a', maxNewTokens: 10_000 });
    await event(1);
    request(2, 'stop', { request: 1 }, 'interactive');
    assert.deepEqual(await reply(2), { request: 2, ok: { stopping: true } });
    assert.deepEqual(await reply(1), {
      request: 1,
      error: { message: 'The request was stopped.', userFacing: true, stopped: true },
    });
    assert.deepEqual(closed, ['a']);
  });

  it('stopped training saves, and answers itself', async () => {
    const { request, reply, event, log } = start();
    request(1, 'train', { model: 't' });
    await event(1);
    request(2, 'stop', { request: 1 }, 'interactive');
    assert.deepEqual(await reply(1), { request: 1, ok: { status: 'paused', out: '', adapters: {}, stages: [] } });
    assert.equal(log.at(-1), 't saved');
  });

  it('a waiting request that is stopped is answered at once and never begins', async () => {
    const { request, reply, event, log, dispatcher } = start();
    request(1, 'train', { model: 't' });
    await event(1);
    request(2, 'generate', { model: 'late' });
    request(3, 'stop', { request: 2 }, 'interactive');
    assert.ok('error' in (await reply(2)));
    await dispatcher.stopAll();
    assert.ok(!log.includes('late 1'));
    request(4, 'stop', { request: 2 }, 'interactive');
    assert.deepEqual(await reply(4), { request: 4, ok: { stopping: false } });
  });

  it('says what it does', async () => {
    const { request, reply, event, dispatcher } = start();
    request(1, 'train', { model: 't' });
    await event(1);
    request(2, 'generate', { model: 'a' });
    request(3, 'describe', {}, 'interactive');
    const answer = await reply(3);
    assert.ok('ok' in answer && 'pid' in answer.ok);
    assert.deepEqual(answer.ok.requests, [
      { request: 1, method: 'train', running: true },
      { request: 2, method: 'generate', running: false },
    ]);
    assert.ok(answer.ok.memory.resident > 1e6);
    await dispatcher.stopAll();
  });

  it('tells the person’s errors from its own, and goes on', async () => {
    const { request, reply } = start({
      // biome-ignore lint/correctness/useYield: it throws before its first
      async *generate({ model }) {
        throw model === 'user' ? new UserError('no such file') : new TypeError('x is undefined');
      },
    });
    request(1, 'generate', { model: 'user' });
    assert.deepEqual(await reply(1), { request: 1, error: { message: 'no such file', userFacing: true } });
    request(2, 'generate', { model: 'ours' });
    const second = await reply(2);
    assert.ok(
      'error' in second && !second.error.userFacing && /TypeError: x is undefined\n/.test(second.error.stack ?? ''),
    );
    request(3, 'evaluate', { model: 'a' });
    assert.ok('ok' in (await reply(3)));
  });

  it('what cannot be sent fails its request, closes its task, and nothing else', async () => {
    const closed: string[] = [];
    const { request, reply } = start({
      async *generate() {
        try {
          yield { kind: 'notice', message: 'unsendable' };
          return { rows: 0, answers: 0, tokens: 0, finished: 0 };
        } finally {
          closed.push('generate');
        }
      },
    });
    request(1, 'generate', { model: 'a' });
    const answer = await reply(1);
    assert.ok('error' in answer && /could not be cloned/.test(answer.error.message));
    assert.deepEqual(closed, ['generate']);
    request(2, 'score', { model: 'a' });
    assert.ok('ok' in (await reply(2)));
  });

  const malformed: [message: unknown, request: number | null, error: RegExp][] = [
    [undefined, null, /not a request/],
    ['generate', null, /not a request/],
    [{ method: 'generate' }, null, /not a request/],
    [{ request: 1.5, method: 'generate', priority: 'background', params: {} }, null, /not a request/],
    [{ request: 5, method: 'delete', priority: 'background', params: {} }, 5, /no method "delete"/],
    [{ request: 5, method: 'constructor', priority: 'background', params: {} }, 5, /no method "constructor"/],
    [{ request: 5, method: 'generate', priority: 'high', params: {} }, 5, /no priority "high"/],
    [{ request: 5, method: 'generate', priority: 'background', params: null }, 5, /takes an object/],
    [{ request: 5, method: 'stop', priority: 'interactive' }, 5, /takes an object/],
  ];
  for (const [message, id, error] of malformed) {
    it(`answers ${JSON.stringify(message)} with an error`, async () => {
      const { dispatcher, messages, request, reply } = start();
      dispatcher.receive(message);
      const [answer] = messages;
      assert.ok('error' in answer);
      assert.equal(answer.request, id);
      assert.match(answer.error.message, error);
      request(9, 'score', { model: 'a' });
      assert.ok('ok' in (await reply(9)));
    });
  }
});
