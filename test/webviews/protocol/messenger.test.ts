import assert from 'node:assert/strict';
import { createMessenger, type Message } from '../../../webviews/protocol/messenger.ts';

type Asked = {
  shout: { params: { readonly text: string }; result: string };
};

describe('the channel between a panel and its host', () => {
  /** The host's end, and everything that it sends to the page. */
  function host() {
    const sent: Message[] = [];
    const messenger = createMessenger<Asked, Asked>((message) => sent.push(message), {
      shout: ({ text }) => text.toUpperCase(),
    });
    return { messenger, sent };
  }

  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

  it('answers what it knows', async () => {
    const { messenger, sent } = host();
    messenger.receive({ kind: 'request', id: 1, method: 'shout', params: { text: 'good' } });
    await settled();
    assert.deepEqual(sent, [{ kind: 'reply', id: 1, ok: 'GOOD' }]);
  });

  it('answers unknown methods and nonsense for parameters with an error, and goes on', async () => {
    const { messenger, sent } = host();
    const bad = [
      { method: 'whisper', params: {} },
      { method: 'constructor', params: {} },
      { method: '__proto__', params: {} },
      { method: 7, params: {} },
      { method: 'shout', params: null },
      { method: 'shout', params: { text: 12 } },
      { method: 'shout' },
    ];
    for (const [id, request] of bad.entries()) messenger.receive({ kind: 'request', id, ...request });
    await settled();
    assert.equal(sent.length, bad.length);
    for (const [k, message] of sent.entries()) {
      assert.ok(message.kind === 'reply' && message.id === k && 'error' in message, JSON.stringify(message));
    }
    messenger.receive({ kind: 'request', id: 99, method: 'shout', params: { text: 'still here' } });
    await settled();
    assert.deepEqual(sent.at(-1), { kind: 'reply', id: 99, ok: 'STILL HERE' });
  });

  it('drops what is no message, and replies that nobody waits for', async () => {
    const { messenger, sent } = host();
    const nothing = [undefined, null, 1, 'x', [], {}, { kind: 'request' }, { kind: 'request', id: 'a' }, { id: 1.5 }];
    for (const message of [...nothing, { kind: 'reply', id: 3, ok: 1 }, { kind: 'shout', id: 3 }]) {
      messenger.receive(message);
    }
    await settled();
    assert.deepEqual(sent, []);
  });

  it('a question is answered by its own reply alone, and rejected when the channel closes', async () => {
    const { messenger, sent } = host();
    const first = messenger.call('shout', { text: 'a' });
    const second = messenger.call('shout', { text: 'b' });
    const [, asked] = sent;
    messenger.receive({ kind: 'reply', id: asked.id, ok: 'B' });
    assert.equal(await second, 'B');
    messenger.close();
    await assert.rejects(first, /closed/);
    await assert.rejects(messenger.call('shout', { text: 'c' }), /closed/);
  });
});
