import type { Feed } from './values.ts';
import { sizeOf } from './values.ts';

/** Uniform numbers in [0, 1): mulberry32, the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform numbers of a shape. */
export function random(shape: readonly number[], seed: number, low = -1, high = 1): Feed {
  const next = randomNumbers(seed);
  return { shape, data: Array.from({ length: sizeOf(shape) }, () => low + (high - low) * next()) };
}

/** Uniform integers from 0 to below `limit`. */
export function randomIndices(count: number, seed: number, limit: number): Feed {
  const next = randomNumbers(seed);
  return { shape: [count], data: Array.from({ length: count }, () => Math.floor(next() * limit)) };
}
