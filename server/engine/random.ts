/**
 * Counter-based random numbers (Salmon et al. 2011, Philox 4×32-10): each is a function of its key alone, so a resumed
 * run draws what it would have drawn, and the order of drawing does not matter.
 */
export interface DrawKey {
  readonly seed: number;
  /** What the number is for; different purposes never share a stream. */
  readonly purpose: 'sample' | 'shuffle' | 'initialise' | 'split' | 'permute';
  readonly step: number;
  readonly row: number;
}

const purposes = { sample: 1, shuffle: 2, initialise: 3, split: 4, permute: 5 } as const;

/** A number in [0, 1) with 53 random bits. `index` tells apart several draws under one key. */
export function uniform({ seed, purpose, step, row }: DrawKey, index = 0): number {
  philox(step, row, index, purposes[purpose], seed, Math.floor(seed / 2 ** 32));
  return ((words[0] >>> 5) * 2 ** 26 + (words[1] >>> 6)) / 2 ** 53;
}

/** A standard normal number (Box & Muller 1958). */
export function normal(key: DrawKey, index = 0): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * index + 1));
}

/** 0 … count − 1 in random order (Fisher & Yates). */
export function permutation(count: number, key: Omit<DrawKey, 'row'>): Int32Array {
  const order = Int32Array.from({ length: count }, (_, k) => k);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(uniform({ ...key, row: k }) * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}

/** The first two words of the draw, put into `words`: five million draws make no array. */
function philox(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [highProduct(0xd2511f53, c0), Math.imul(0xd2511f53, c0)];
    const [high1, low1] = [highProduct(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2)];
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = c0;
  words[1] = c1;
}

const words = new Uint32Array(2);

/** The high 32 bits of a product of two unsigned 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const a1 = a >>> 16;
  const a0 = a & 0xffff;
  const b1 = b >>> 16;
  const b0 = b & 0xffff;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + (middle >>> 16) + (carry >>> 16)) | 0;
}
