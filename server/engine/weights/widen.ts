import type { OpenFile } from './files.ts';
import { firstNotFinite, hasSpecialHalf, type NumberFormat } from './numbers.ts';

/** Where a tensor's numbers stand. */
export interface StoredNumbers {
  readonly format: NumberFormat;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly elements: number;
}

/** Makes room for that many numbers. */
export type Allocate = (elements: number) => Float32Array;

/** Gives the numbers as float32. Throws a NotFinite where one is not finite. */
export type Widen = (file: OpenFile, stored: StoredNumbers) => Float32Array;

/** A number of a file is infinite, or none. */
export class NotFinite extends Error {
  readonly index: number;
  readonly value: number;

  constructor(index: number, value: number) {
    super(`Number ${index} is ${value}.`);
    this.index = index;
    this.value = value;
  }
}

/**
 * Cuts room for so many numbers in all from a few large buffers. Each buffer that comes into being makes the collector
 * look through the whole heap, a tokenizer's hundred thousand strings among it, before long: one for every tensor takes
 * longer than reading them.
 */
export function allocator(elements: number): Allocate {
  const [largest, alignment] = [2 ** 25, 16];
  let left = elements;
  let [buffer, used] = [new Float32Array(0), 0];
  return (count) => {
    if (used + count > buffer.length) {
      // With room for the gaps that alignment leaves.
      [buffer, used] = [new Float32Array(Math.max(count, Math.min(largest, left + 2 ** 14))), 0];
    }
    const part = buffer.subarray(used, used + count);
    used += Math.ceil(count / alignment) * alignment;
    left -= count;
    return part;
  };
}

/** Bytes of a file that are widened at one go: they and their numbers stay in the processor's cache. */
const pieceBytes = 1 << 16;

export const widenFromFile: Widen = (file, stored) => widenInto(new Float32Array(stored.elements), file, stored);

/** The same, whatever the numbers are. */
export const widenAny: Widen = (file, stored) =>
  widenInto(new Float32Array(stored.elements), file, stored, { any: true });

/** Reads the numbers piece by piece, widens them into `out` and, unless any will do, looks at each. Throws as a Widen does. */
export function widenInto(
  out: Float32Array,
  file: OpenFile,
  { format, offset, elements }: StoredNumbers,
  { any = false } = {},
): Float32Array {
  const { blockBytes, blockSize } = format;
  const blocksAtOnce = Math.floor(pieceBytes / blockBytes);
  const piece = new Uint8Array(Math.min(blocksAtOnce, elements / blockSize) * blockBytes);
  for (let done = 0; done < elements; done += blocksAtOnce * blockSize) {
    const blocks = Math.min(blocksAtOnce, (elements - done) / blockSize);
    const bytes = piece.subarray(0, blocks * blockBytes);
    file.read(bytes, offset + (done / blockSize) * blockBytes);
    format.widen(bytes, out, done);
    if (any) continue;
    if (format.halves !== undefined && !hasSpecialHalf(bytes, format.halves, blockBytes)) continue;
    const bad = firstNotFinite(out.subarray(done, done + blocks * blockSize));
    if (bad >= 0) throw new NotFinite(done + bad, out[done + bad]);
  }
  return out;
}
