import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { MetricsPoint, RunHistory, RunSummary } from '../../../server/protocol/types.ts';
import { tsv } from '../../../webviews/training/dataTable.ts';
import { emptyHistory, extended, type KnownHistory } from '../../../webviews/training/history.ts';
import { metricDoc, sortedMetrics } from '../../../webviews/training/metrics.ts';
import { shortNumber, signedNumber } from '../../../webviews/training/numbers.ts';
import { RunReader } from '../../../webviews/training/runReader.ts';
import { lowerBound, nearest, smoothed, thinnedOut } from '../../../webviews/training/series.ts';
import { readState } from '../../../webviews/training/state.ts';

describe('series of a chart', () => {
  const sorted = (count: number) => Array.from({ length: count }, (_, k) => k * 2);

  it('smoothing is the average that has no pull to 0, and leaves gaps alone', () => {
    assert.deepEqual(
      smoothed([3, null, 3, 3], 0.9).map((value) => value && Number(value.toFixed(12))),
      [3, null, 3, 3],
    );
    // (0.5·0.5·1 + 0.5·2) / (1 − 0.25)
    assert.deepEqual(smoothed([1, 2], 0.5), [1, 1.25 / 0.75]);
    assert.deepEqual(smoothed([1, null, 5], 0), [1, null, 5]);
  });

  it('thinned out it keeps the lowest, the highest, the ends and the gaps, in order', async () => {
    const value = fc.oneof(
      { weight: 9, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
      fc.constant(null),
    );
    await fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 400 }), fc.integer({ min: 2, max: 40 }), (y, columns) => {
        const x = sorted(y.length);
        const thin = thinnedOut({ x, y }, x[0], x[x.length - 1], columns);
        assert.ok(thin.x.length <= Math.max(2 * columns + 2, 3 * columns));
        assert.ok(thin.x.every((place, k) => k === 0 || place > thin.x[k - 1]));
        const finite = (values: readonly (number | null)[]) => values.filter((number) => number !== null);
        assert.equal(Math.max(...finite(thin.y)), Math.max(...finite(y)));
        assert.equal(Math.min(...finite(thin.y)), Math.min(...finite(y)));
        assert.equal(thin.y.includes(null), y.includes(null));
        assert.ok(thin.x.every((place, k) => y[place / 2] === thin.y[k]));
      }),
    );
  });

  it('of a part of it the points just outside are kept', () => {
    const { x } = thinnedOut({ x: sorted(50), y: sorted(50) }, 21, 31, 100);
    assert.deepEqual(x, [20, 22, 24, 26, 28, 30, 32, 34]);
  });

  it('finds places', () => {
    assert.deepEqual(
      [0, 1, 2, 99].map((value) => lowerBound([1, 2, 5], value)),
      [0, 0, 1, 3],
    );
    assert.deepEqual(
      [0, 1.4, 1.6, 3.4, 99].map((value) => nearest([1, 2, 5], value)),
      [0, 0, 1, 1, 2],
    );
    assert.equal(nearest([], 1), -1);
  });

  it('numbers are as exact as a chart', () => {
    const printed: [number | null, string][] = [
      [0, '0'],
      [-0.000012345, '−1.23e−5'],
      [1234.5678, '1235'],
      [0.1 + 0.2, '0.3'],
      [20_000_000, '2e7'],
      [null, '–'],
      [Number.NaN, '–'],
    ];
    for (const [value, expected] of printed) assert.equal(shortNumber(value), expected);
    assert.deepEqual([1, -1, 0, undefined].map(signedNumber), ['+1', '−1', '0', '–']);
  });

  it('a table as tab-separated values: nothing in a cell breaks a row', () => {
    const columns = [
      { title: 'Step', values: [1, 2] },
      { title: 'a\tb\nc', values: [null, 0.1] },
    ];
    assert.equal(tsv(columns), 'Step\ta b c\n1\t\n2\t0.1\n');
  });

  it('what was kept is read whatever it is', () => {
    const fresh = { tab: 'curves', smoothing: 0.6, axis: 'step', more: [], logarithmic: [] };
    assert.deepEqual(readState({}), fresh);
    assert.deepEqual(readState({ tab: 'x', smoothing: 7, axis: 3, more: 'sft', logarithmic: [1], run: 5 }), fresh);
    const kept = {
      run: 'r',
      tab: 'outcome',
      smoothing: 0,
      axis: 'time',
      compared: 's',
      more: ['ppo'],
      logarithmic: ['a'],
    } as const;
    assert.deepEqual(readState(kept), kept);
  });

  it('metrics stand in their table’s order, unknown ones last', () => {
    assert.deepEqual(sortedMetrics('reward', ['z', 'margin', 'a', 'loss']), ['loss', 'margin', 'a', 'z']);
    assert.equal(metricDoc('sft', 'toString').label, 'toString');
  });
});

describe('the history of a run', () => {
  const run = (change: Partial<RunSummary> = {}): RunSummary => ({
    id: 'r',
    folder: '/r',
    title: 'r',
    status: 'running',
    createdAt: '',
    updatedAt: '',
    engine: 'onnx',
    base: 'b',
    runningIn: 'here',
    stages: [],
    ...change,
  });
  const page = (metrics: MetricsPoint[], nextMetric: number, change: Partial<RunHistory> = {}): RunHistory => ({
    run: run(),
    metrics,
    samples: [],
    nextMetric,
    nextSample: 0,
    ...change,
  });
  const kl = (step: number, value: number | null = step): MetricsPoint => ({
    stage: 'ppo',
    step,
    metrics: { 'objective/kl': value },
  });
  const stepsOf = (known: KnownHistory | undefined) => known?.stages.get('ppo')?.get('objective/kl')?.steps;

  it('grows page by page', () => {
    const first = extended(emptyHistory(run()), page([kl(1)], 10));
    assert.deepEqual(stepsOf(extended(first!, page([kl(2), kl(3)], 30))), [1, 2, 3]);
  });

  it('is not gone on with where files shrank, steps go back, or the run was resumed', () => {
    const known = () => extended(emptyHistory(run()), page([kl(1), kl(2)], 20)) as KnownHistory;
    assert.equal(extended(known(), page([], 10)), undefined);
    assert.equal(extended(known(), page([kl(1)], 30)), undefined);
    const paused = extended(known(), page([], 20, { run: run({ status: 'paused', runningIn: 'nowhere' }) }));
    assert.deepEqual(stepsOf(paused), [1, 2]);
    assert.equal(extended(paused!, page([kl(3)], 30)), undefined);
  });

  it('PPO’s means at the end of an iteration do not repeat its updates', () => {
    const loss = (step: number, more = {}): MetricsPoint => ({
      stage: 'ppo',
      step,
      metrics: { 'loss/value_avg': step, ...more },
    });
    const known = extended(
      emptyHistory(run()),
      page([loss(1), loss(2), loss(2, { episode: 32, 'objective/kl': 1 })], 9),
    );
    assert.deepEqual(known?.stages.get('ppo')?.get('loss/value_avg')?.steps, [1, 2]);
    assert.deepEqual(stepsOf(known), [2]);
  });

  describe('its reader', () => {
    const opened = (pages: (from: number) => RunHistory) => {
      const asked: number[] = [];
      const seen: number[][] = [];
      const failures: string[] = [];
      const reader = new RunReader({
        run: 'r',
        async read(from) {
          asked.push(from);
          return pages(from);
        },
        changed: (history) => seen.push([...(stepsOf(history) ?? [])]),
        failed: ({ message }) => failures.push(message),
      });
      return { reader, asked, seen, failures };
    };
    const files = (count: number) => Array.from({ length: count }, (_, k) => kl(k + 1));
    const pageOf = (all: readonly MetricsPoint[], from: number) =>
      page(all.slice(from, from + 2), Math.min(all.length, from + 2));

    it('reads to the end, however many pages it takes, and shows each', async () => {
      const { reader, asked, seen } = opened((from) => pageOf(files(5), from));
      await reader.readOn();
      assert.deepEqual(asked, [0, 2, 4, 5]);
      assert.deepEqual(seen.slice(0, 2), [
        [1, 2],
        [1, 2, 3, 4],
      ]);
      assert.deepEqual(seen.at(-1), [1, 2, 3, 4, 5]);
    });

    it('reads from 0 when a place is in the middle of a line now', async () => {
      let all = files(2);
      const { reader, asked, seen, failures } = opened((from) => {
        if (from === 2 && all.length === 4 && asked.length < 4) throw new Error('half a line');
        return pageOf(all, from);
      });
      await reader.readOn();
      all = files(4);
      await reader.readOn();
      assert.deepEqual([asked.slice(0, 4), failures], [[0, 2, 2, 0], []]);
      assert.deepEqual(seen.at(-1), [1, 2, 3, 4]);
    });

    it('gives up with a sentence, and keeps trying nothing, when that does not help', async () => {
      const { reader, asked, failures } = opened((from) => {
        if (from > 0) throw new Error('half a line');
        return pageOf(files(4), from);
      });
      await reader.readOn();
      assert.deepEqual([asked, failures], [[0, 2, 0, 2], ['half a line']]);
    });

    it('what is asked while it reads is done once afterwards', async () => {
      const { reader, asked } = opened((from) => pageOf(files(2), from));
      await Promise.all([reader.readOn(), reader.readOn(), reader.readOn()]);
      assert.deepEqual(asked, [0, 2, 2]);
    });
  });
});
