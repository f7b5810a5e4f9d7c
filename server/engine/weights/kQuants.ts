/**
 * ggml's formats with blocks of 256 numbers ("K quants"): eight or sixteen groups a block, each with a small integer
 * scale of its own under the block's floating-point ones. Source: ggml-quants.c, dequantize_row_q2_K … _q8_K.
 */
import { halfTable, type NumberFormat } from './numbers.ts';

const blockSize = 256;

export const Q2_K: NumberFormat = { name: 'Q2_K', blockSize, blockBytes: 84, halves: [80, 82], widen: widenQ2_K };
export const Q3_K: NumberFormat = { name: 'Q3_K', blockSize, blockBytes: 110, halves: [108], widen: widenQ3_K };
export const Q4_K: NumberFormat = { name: 'Q4_K', blockSize, blockBytes: 144, halves: [0, 2], widen: widenQ4_K };
export const Q5_K: NumberFormat = { name: 'Q5_K', blockSize, blockBytes: 176, halves: [0, 2], widen: widenQ5_K };
export const Q6_K: NumberFormat = { name: 'Q6_K', blockSize, blockBytes: 210, halves: [208], widen: widenQ6_K };
export const Q8_K: NumberFormat = { name: 'Q8_K', blockSize, blockBytes: 292, widen: widenQ8_K };

const signed = (byte: number) => (byte << 24) >> 24;
const half = (bytes: Uint8Array, at: number) => halfTable()[bytes[at] | (bytes[at + 1] << 8)];

/**
 * Block: 16 bytes (low nibble the scale, high nibble the minimum of a group of 16), 64 bytes of 2-bit numbers, d and
 * dmin (halves); x = d·scale·q − dmin·minimum. A byte holds four numbers that stand 32 apart, in each half of a block.
 */
function widenQ2_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 84, at += blockSize) {
    const [d, dmin] = [half(bytes, block + 80), half(bytes, block + 82)];
    for (let group = 0; group < 16; group++) {
      const packed = bytes[block + group];
      const [scale, minimum] = [d * (packed & 15), dmin * (packed >> 4)];
      const { from, shift } = quarter(group);
      for (let i = 0; i < 16; i++) {
        out[at + 16 * group + i] = scale * ((bytes[block + 16 + from + i] >> shift) & 3) - minimum;
      }
    }
  }
}

/**
 * Block: 32 bytes of high bits, 64 bytes of low 2 bits as in Q2_K, 12 bytes of 6-bit scales, d (half);
 * x = d·(scale − 32)·(q − 4), q of 3 bits. Bit k of the high bits' byte i % 32 belongs to number 32·k + i % 32.
 */
function widenQ3_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 110, at += blockSize) {
    const d = half(bytes, block + 108);
    for (let group = 0; group < 16; group++) {
      const scale = d * (scaleQ3_K(bytes, block + 96, group) - 32);
      const { from, shift } = quarter(group);
      const highBit = 1 << (group >> 1);
      for (let i = 0; i < 16; i++) {
        const low = (bytes[block + 32 + from + i] >> shift) & 3;
        const high = bytes[block + (group & 1) * 16 + i] & highBit ? 0 : 4;
        out[at + 16 * group + i] = scale * (low - high);
      }
    }
  }
}

/** Where the 2-bit numbers of a group of 16 begin among 64 bytes, and at which bit. */
function quarter(group: number): { from: number; shift: number } {
  return { from: (group >> 3) * 32 + (group & 1) * 16, shift: ((group >> 1) & 3) * 2 };
}

/** Sixteen 6-bit scales in 12 bytes: low nibbles of bytes 0–7, high nibbles of 0–7, upper bits pairwise in 8–11. */
function scaleQ3_K(bytes: Uint8Array, start: number, group: number): number {
  const nibbles = bytes[start + (group & 7)];
  const low = group < 8 ? nibbles & 15 : nibbles >> 4;
  const high = (bytes[start + 8 + (group & 3)] >> ((group >> 2) * 2)) & 3;
  return low | (high << 4);
}

/** Block: d, dmin (halves), 12 bytes of scales and minima, 128 bytes of nibbles; x = d·scale·q − dmin·minimum. */
function widenQ4_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 144, at += blockSize) {
    const [d, dmin] = [half(bytes, block), half(bytes, block + 2)];
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = scaleAndMinimum(bytes, block + 4, group);
      const [a, b] = [d * scale, dmin * minimum];
      const [from, shift] = [block + 16 + (group >> 1) * 32, (group & 1) * 4];
      for (let i = 0; i < 32; i++) out[at + 32 * group + i] = a * ((bytes[from + i] >> shift) & 15) - b;
    }
  }
}

/** As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to number 32·g + i. */
function widenQ5_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 176, at += blockSize) {
    const [d, dmin] = [half(bytes, block), half(bytes, block + 2)];
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = scaleAndMinimum(bytes, block + 4, group);
      const [a, b] = [d * scale, dmin * minimum];
      const [from, shift] = [block + 48 + (group >> 1) * 32, (group & 1) * 4];
      for (let i = 0; i < 32; i++) {
        const high = ((bytes[block + 16 + i] >> group) & 1) << 4;
        out[at + 32 * group + i] = a * (((bytes[from + i] >> shift) & 15) | high) - b;
      }
    }
  }
}

/** Eight 6-bit scales and minima in 12 bytes: 0–3 whole, 4–7 as nibbles with their upper bits in the bytes of 0–3. */
function scaleAndMinimum(bytes: Uint8Array, start: number, group: number): [number, number] {
  if (group < 4) return [bytes[start + group] & 63, bytes[start + group + 4] & 63];
  const nibbles = bytes[start + group + 4];
  return [(nibbles & 15) | ((bytes[start + group - 4] >> 6) << 4), (nibbles >> 4) | ((bytes[start + group] >> 6) << 4)];
}

/**
 * Block: 128 bytes of low nibbles, 64 bytes of high 2 bits, 16 signed scales, d (half); x = d·scale·(q − 32), q of
 * 6 bits. In each half of a block a byte of the nibbles holds numbers 64 apart, one of the high bits numbers 32 apart.
 */
function widenQ6_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  for (let block = 0; block < bytes.length; block += 210, at += blockSize) {
    const d = half(bytes, block + 208);
    for (let group = 0; group < 16; group++) {
      const scale = d * signed(bytes[block + 192 + group]);
      const [part, inPart] = [group >> 3, group & 7];
      const low = block + part * 64 + (inPart & 3) * 16;
      const high = block + 128 + part * 32 + (inPart & 1) * 16;
      const [lowShift, highShift] = [(inPart >> 2) * 4, (inPart >> 1) * 2];
      for (let i = 0; i < 16; i++) {
        const q = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> highShift) & 3) << 4);
        out[at + 16 * group + i] = scale * (q - 32);
      }
    }
  }
}

/** Block: scale d (float32), 256 signed bytes, 32 bytes of sums that only products need; x = d·q. */
function widenQ8_K(bytes: Uint8Array, out: Float32Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < bytes.length; block += 292, at += blockSize) {
    const d = view.getFloat32(block, true);
    for (let i = 0; i < blockSize; i++) out[at + i] = d * signed(bytes[block + 4 + i]);
  }
}
