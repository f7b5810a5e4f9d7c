import assert from 'node:assert/strict';
import { limitProgress } from '../../../../server/engine/serve/progress.ts';

describe('limitProgress', () => {
  type Event = { readonly kind: string; readonly done: number };

  async function sent(events: readonly (readonly [milliseconds: number, kind: string])[]): Promise<string[]> {
    const log: string[] = [];
    let clock = 0;
    const limit = limitProgress<Event>(
      async ({ kind, done }) => void log.push(`${kind} ${done}`),
      () => clock,
    );
    for (const [index, [milliseconds, kind]] of events.entries()) {
      clock = milliseconds;
      await limit.take({ kind, done: index });
    }
    await limit.flush();
    return log;
  }

  it('lets ten a second through, always the newest, and the last one', async () => {
    const events = Array.from({ length: 1000 }, (_, index) => [index, 'progress'] as const);
    const log = await sent(events);
    assert.deepEqual(log.slice(0, 3), ['progress 0', 'progress 100', 'progress 200']);
    assert.deepEqual([log.length, log.at(-1)], [11, 'progress 999']);
  });

  it('drops no other event, and keeps their order', async () => {
    const events = Array.from({ length: 50 }, (_, index) => [index, index % 2 === 0 ? 'progress' : 'row'] as const);
    const rows = (await sent(events)).filter((line) => line.startsWith('row'));
    assert.deepEqual(
      rows,
      Array.from({ length: 25 }, (_, index) => `row ${2 * index + 1}`),
    );
  });

  it('sends what was held back once its time has come, before the next event', async () => {
    assert.deepEqual(
      await sent([
        [0, 'progress'],
        [10, 'progress'],
        [120, 'row'],
      ]),
      ['progress 0', 'progress 1', 'row 2'],
    );
  });
});
