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

/** max|a − b| / max|b|; where b is zero, max|a|. NaN counts as infinitely far. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let difference = 0;
  let scale = 0;
  for (let entry = 0; entry < b.length; entry++) {
    const distance = Math.abs(a[entry] - b[entry]);
    difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(difference, distance);
    scale = Math.max(scale, Math.abs(b[entry]));
  }
  return scale === 0 ? difference : difference / scale;
}
