import assert from 'node:assert/strict';

/** Asserts max|a − b| ≤ tolerance · max|b|, and that both have the same length and are finite. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'values',
) {
  assert.equal(actual.length, expected.length, `${what}: lengths`);
  const largest = Math.max(...Array.from(expected, Math.abs));
  const difference = Math.max(...Array.from(actual, (value, k) => Math.abs(value - expected[k])));
  // Also false where either is NaN.
  assert.ok(difference <= tolerance * largest, `${what}: off by ${difference}, the largest is ${largest}`);
}
