import assert from 'node:assert/strict';
import { EngineStopped } from '../../../server/jobs/engineProcess.ts';
import { VisibleScores } from '../../../server/language/visibleScores.ts';
import type { CompletionRow } from '../../../server/protocol/types.ts';
import type { ScoreOptions, Scorer } from '../../../server/scores/scorer.ts';

describe('what a file on screen waits for', () => {
  interface Call {
    readonly texts: readonly string[];
    readonly signal: AbortSignal;
    fail(error: Error): void;
  }

  /** A scorer that is never done; `next` resolves with the next call. */
  function endless() {
    const calls: Call[] = [];
    let called = () => {};
    const scoreEach = (rows: readonly CompletionRow[], { signal }: ScoreOptions = {}) =>
      new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(new EngineStopped()));
        calls.push({ texts: rows.map(({ completion }) => completion), signal: signal as AbortSignal, fail: reject });
        called();
      });
    const next = () =>
      new Promise<Call>((resolve) => {
        called = () => resolve(calls.at(-1) as Call);
      });
    return { scorer: { scoreEach } as unknown as Scorer, next };
  }

  const texts = (first: number, count: number) =>
    Array.from({ length: count }, (_, k) => ({
      key: `key ${first + k}`,
      row: () => ({ prompt: 'p', completion: String(first + k) }),
    }));
  const rows = (first: number, count: number, identity = 'one') => ({
    identity,
    wanted: texts(first, count),
    editedAt: 0,
  });

  it('gathers what is asked one by one, and asks for nothing twice', async () => {
    const { scorer, next } = endless();
    const wanted = new VisibleScores(() => {});
    const call = next();
    for (let k = 0; k < 5; k++) wanted.want(scorer, rows(k, 1));
    assert.deepEqual((await call).texts, ['0', '1', '2', '3', '4']);
    const second = next();
    wanted.want(scorer, rows(1, 3));
    wanted.want(scorer, rows(3, 3));
    assert.deepEqual((await second).texts, ['3', '4', '5']);
    wanted.cancel();
  });

  it('drops what has been scrolled away, and all of it for another reward model', async () => {
    const { scorer, next } = endless();
    const wanted = new VisibleScores(() => {});
    const screens: Call[] = [];
    for (const first of [0, 100, 200, 300]) {
      const call = next();
      wanted.want(scorer, rows(first, 100));
      screens.push(await call);
    }
    assert.deepEqual(
      screens.map(({ signal }) => signal.aborted),
      [true, false, false, false],
    );
    const call = next();
    wanted.want(scorer, rows(300, 100, 'two'));
    assert.equal((await call).texts.length, 100);
    assert.ok(screens.every(({ signal }) => signal.aborted));
    wanted.cancel();
  });

  it('says what failed, and asks for nothing until that is forgiven', async () => {
    const failures: string[] = [];
    let failed = () => {};
    const failing = new Promise<void>((resolve) => {
      failed = resolve;
    });
    const { scorer, next } = endless();
    const wanted = new VisibleScores((message) => {
      failures.push(message);
      failed();
    });
    const call = next();
    wanted.want(scorer, rows(0, 2));
    (await call).fail(new Error('The engine was killed.\nIts last lines: …'));
    await failing;
    assert.deepEqual([failures, wanted.failure], [['The engine was killed.'], 'The engine was killed.']);
    const again = next();
    wanted.want(scorer, rows(5, 1));
    wanted.forgive();
    wanted.want(scorer, rows(7, 1));
    assert.deepEqual((await again).texts, ['7']);
    wanted.cancel();
  });

  it('waits for a pause in typing', async () => {
    const { scorer, next } = endless();
    const wanted = new VisibleScores(() => {});
    const editedAt = performance.now();
    const call = next();
    wanted.want(scorer, { ...rows(0, 1), editedAt });
    await call;
    assert.ok(performance.now() - editedAt >= 395);
    wanted.cancel();
  });
});
