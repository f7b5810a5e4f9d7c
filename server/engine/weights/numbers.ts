/**
 * Number formats of weight files, widened to float32. Sources: IEEE 754 binary16; bfloat16 is the upper half of a
 * float32; the quantised blocks are ggml's (ggml-quants.c, dequantize_row_q4_0, _q4_1, _q5_0, _q5_1, _q8_0, _iq4_nl). All are little-endian.
 */
export interface NumberFormat {
  readonly name: string;
  /** Numbers in a block, and the bytes that a block takes. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Where in a block its half-precision numbers stand, if all others are finite whenever these are. */
  readonly halves?: readonly number[];
  /** Widens `bytes` (whole blocks) into `out` from index `at`. */
  widen(bytes: Uint8Array, out: Float32Array, at: number): void;
}

export const F32: NumberFormat = { name: 'F32', blockSize: 1, blockBytes: 4, widen: widenF32 };
export const F16: NumberFormat = { name: 'F16', blockSize: 1, blockBytes: 2, halves: [0], widen: widenF16 };
export const BF16: NumberFormat = { name: 'BF16', blockSize: 1, blockBytes: 2, widen: widenBF16 };
export const Q4_0: NumberFormat = { name: 'Q4_0', blockSize: 32, blockBytes: 18, halves: [0], widen: widenQ4_0 };
export const Q4_1: NumberFormat = { name: 'Q4_1', blockSize: 32, blockBytes: 20, halves: [0, 2], widen: widenQ4_1 };
export const Q5_0: NumberFormat = { name: 'Q5_0', blockSize: 32, blockBytes: 22, halves: [0], widen: widenQ5_0 };
export const Q5_1: NumberFormat = { name: 'Q5_1', blockSize: 32, blockBytes: 24, halves: [0, 2], widen: widenQ5_1 };
export const IQ4_NL: NumberFormat = { name: 'IQ4_NL', blockSize: 32, blockBytes: 18, halves: [0], widen: widenIQ4_NL };
export const Q8_0: NumberFormat = { name: 'Q8_0', blockSize: 32, blockBytes: 34, halves: [0], widen: widenQ8_0 };

/** float32 to bfloat16 bit patterns, rounded to nearest, ties to even; NaN stays NaN. */
export function toBF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    result[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return result;
}

/** Whether one of the half-precision numbers at these places of each block is infinite or NaN. */
export function hasSpecialHalf(bytes: Uint8Array, halves: readonly number[], blockBytes: number): boolean {
  for (const half of halves) {
    // Five bits of exponent, all ones.
    for (let at = half + 1; at < bytes.length; at += blockBytes) if ((bytes[at] & 0x7c) === 0x7c) return true;
  }
  return false;
}

/** The index of the first number that is NaN or infinite, or -1. */
export function firstNotFinite(values: Float32Array): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let overflow = 0;
  // An exponent of all ones, and no other, carries into the sign when one is added to it.
  for (let i = 0; i < bits.length; i++) overflow |= (bits[i] & 0x7f800000) + 0x00800000;
  return overflow < 0 ? values.findIndex((value) => !Number.isFinite(value)) : -1;
}

function widenF32(bytes: Uint8Array, out: Float32Array, at: number): void {
  new Uint8Array(out.buffer, out.byteOffset + at * 4, bytes.length).set(bytes);
}

function widenF16(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  for (let i = 0; i < bytes.length; i += 2) out[at++] = table[bytes[i] | (bytes[i + 1] << 8)];
}

function widenBF16(bytes: Uint8Array, out: Float32Array, at: number): void {
  const words = new Uint32Array(out.buffer, out.byteOffset + at * 4, bytes.length >> 1);
  for (let i = 0, k = 0; i < bytes.length; i += 2) words[k++] = (bytes[i] << 16) | (bytes[i + 1] << 24);
}

/** Block: scale d (half), 16 bytes; the low nibbles are numbers 0…15, the high ones 16…31; x = d·(q − 8). */
function widenQ4_0(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  for (let block = 0; block < bytes.length; block += 18, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const byte = bytes[block + 2 + i];
      out[at + i] = scale * ((byte & 15) - 8);
      out[at + 16 + i] = scale * ((byte >> 4) - 8);
    }
  }
}

/** Block: scale d and minimum m (halves), 16 bytes of nibbles as in Q4_0; x = d·q + m. */
function widenQ4_1(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  // A block has 32 numbers and 16 levels; as words they are copied without a detour through double precision.
  const levelsOfBlock = new Float32Array(16);
  const levelWords = new Int32Array(levelsOfBlock.buffer);
  const words = new Int32Array(out.buffer, out.byteOffset, out.length);
  for (let block = 0; block < bytes.length; block += 20, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    const minimum = table[bytes[block + 2] | (bytes[block + 3] << 8)];
    for (let q = 0; q < 16; q++) levelsOfBlock[q] = scale * q + minimum;
    for (let i = 0; i < 16; i++) {
      const byte = bytes[block + 4 + i];
      words[at + i] = levelWords[byte & 15];
      words[at + 16 + i] = levelWords[byte >> 4];
    }
  }
}

/** Block: scale d (half), 32 fifth bits, 16 bytes of nibbles as in Q4_0; x = d·(q − 16). */
function widenQ5_0(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  for (let block = 0; block < bytes.length; block += 22, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const byte = bytes[block + 6 + i];
      out[at + i] = scale * (((byte & 15) | (bitOf(bytes, block + 2, i) << 4)) - 16);
      out[at + 16 + i] = scale * (((byte >> 4) | (bitOf(bytes, block + 2, 16 + i) << 4)) - 16);
    }
  }
}

/** Block: scale d and minimum m (halves), 32 fifth bits, 16 bytes of nibbles as in Q4_0; x = d·q + m. */
function widenQ5_1(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  for (let block = 0; block < bytes.length; block += 24, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    const minimum = table[bytes[block + 2] | (bytes[block + 3] << 8)];
    for (let i = 0; i < 16; i++) {
      const byte = bytes[block + 8 + i];
      out[at + i] = scale * ((byte & 15) | (bitOf(bytes, block + 4, i) << 4)) + minimum;
      out[at + 16 + i] = scale * ((byte >> 4) | (bitOf(bytes, block + 4, 16 + i) << 4)) + minimum;
    }
  }
}

function bitOf(bytes: Uint8Array, start: number, bit: number): number {
  return (bytes[start + (bit >> 3)] >> (bit & 7)) & 1;
}

/** The sixteen levels of IQ4_NL, closer together near zero. */
const levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Block: scale d (half), 16 bytes of nibbles as in Q4_0; x = d·level(q). */
function widenIQ4_NL(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  for (let block = 0; block < bytes.length; block += 18, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const byte = bytes[block + 2 + i];
      out[at + i] = scale * levels[byte & 15];
      out[at + 16 + i] = scale * levels[byte >> 4];
    }
  }
}

/** Block: scale d (half), 32 signed bytes; x = d·q. */
function widenQ8_0(bytes: Uint8Array, out: Float32Array, at: number): void {
  const table = halfTable();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0; block < bytes.length; block += 34, at += 32) {
    const scale = table[bytes[block] | (bytes[block + 1] << 8)];
    for (let i = 0; i < 32; i++) out[at + i] = scale * signed[block + 2 + i];
  }
}

let halves: Float32Array | undefined;

/** The float32 value of each of the 65,536 half-precision bit patterns. */
export function halfTable(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) halves[bits] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24;
    else halves[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halves;
}
