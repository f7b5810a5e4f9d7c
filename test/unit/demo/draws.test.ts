import assert from 'node:assert/strict';
import { drawsFor, shuffled } from '../../../server/demo/draws.ts';

describe('demo draws', () => {
  const series = (seed: number, purpose: string, row: number, count = 8) => {
    const draws = drawsFor(seed, purpose, row);
    return Array.from({ length: count }, () => draws.uniform());
  };

  it('are a function of seed, purpose and row, and differ when one of them does', () => {
    assert.deepEqual(series(1, 'a', 2), series(1, 'a', 2));
    const all = [series(1, 'a', 2), series(2, 'a', 2), series(1, 'b', 2), series(1, 'a', 3), series(2, 'a', 1)];
    assert.equal(new Set(all.flat()).size, 5 * 8);
  });

  it('stay what they were: corpora and splits are made with them', () => {
    assert.deepEqual(
      series(1, 'pinned', 0, 3).map((value) => Math.floor(value * 2 ** 32)),
      [404154853, 2587751950, 2039800477],
    );
  });

  it('are uniform over [0, 1), along a row and over rows', () => {
    const along = series(3, 'along', 0, 20_000);
    const over = Array.from({ length: 20_000 }, (_, row) => drawsFor(3, 'over', row).uniform());
    for (const values of [along, over]) {
      assert.ok(values.every((value) => value >= 0 && value < 1));
      const bins = new Array<number>(20).fill(0);
      for (const value of values) bins[Math.floor(value * 20)] += 1;
      // Chi-squared with 19 degrees of freedom exceeds 50 with probability 1e-4.
      const chiSquared = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
      assert.ok(chiSquared < 50, `chi-squared ${chiSquared}`);
      const pairs = values.slice(1).map((value, index) => (value - 0.5) * (values[index] - 0.5));
      const correlation = (12 * pairs.reduce((sum, product) => sum + product, 0)) / pairs.length;
      assert.ok(Math.abs(correlation) < 0.03, `correlation of neighbours ${correlation}`);
    }
  });

  it('pick by weight, and never what has none', () => {
    const draws = drawsFor(1, 'weights', 0);
    const counts: Record<string, number> = { often: 0, seldom: 0, never: 0 };
    for (let draw = 0; draw < 10_000; draw++) counts[draws.pickWeighted({ often: 3, never: 0, seldom: 1 })] += 1;
    assert.equal(counts.never, 0);
    assert.ok(Math.abs(counts.seldom / 10_000 - 0.25) < 0.02, `seldom: ${counts.seldom}`);
    assert.throws(() => draws.pickWeighted({ a: 0, b: 0 }), RangeError);
    assert.throws(() => draws.pick([]), RangeError);
  });

  it('shuffle without loss, and leave the list given as it is', () => {
    const list = Array.from({ length: 50 }, (_, index) => index);
    const mixed = shuffled(list, drawsFor(1, 'shuffle', 0));
    assert.notDeepEqual(mixed, list);
    assert.deepEqual(
      [...mixed].sort((a, b) => a - b),
      list,
    );
    assert.deepEqual(list, [...list.keys()]);
  });
});
