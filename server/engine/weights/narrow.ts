/**
 * float32 to the formats that Palate writes into GGUF files. Sources: IEEE 754 binary16, rounded to nearest, ties to even;
 * ggml-quants.c, quantize_row_q8_0.
 */

/** Half-precision bit patterns; what is too large becomes infinite. */
export function toF16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) result[i] = halfBits(words[i]);
  return result;
}

/** From a float32's bit pattern. */
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65,536 and more
  if (magnitude >= 0x38800000) {
    // 2^-14 and more: the exponent is moved, the fraction shortened; a carry runs into the exponent as it should.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // below half of the smallest, 2^-25
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent; // 14 … 24: to units of 2^-24
  const whole = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (whole + (rest > half || (rest === half && (whole & 1) === 1) ? 1 : 0));
}

/** Blocks of 32 numbers, 34 bytes each: a scale d in half precision, and 32 signed bytes round(x / d). */
export function toQ8_0(values: Float32Array): Uint8Array {
  const blocks = values.length / 32;
  const result = new Uint8Array(blocks * 34);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    let largest = 0;
    for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[block * 32 + i]));
    scales[block] = largest / 127;
    const inverse = scales[block] === 0 ? 0 : Math.fround(1 / scales[block]);
    for (let i = 0; i < 32; i++) {
      const scaled = Math.fround(values[block * 32 + i] * inverse);
      result[block * 34 + 2 + i] = Math.trunc(scaled + Math.sign(scaled) * 0.5); // away from zero at ties, as roundf
    }
  }
  const halves = toF16(scales);
  for (let block = 0; block < blocks; block++) {
    result[block * 34] = halves[block] & 255;
    result[block * 34 + 1] = halves[block] >>> 8;
  }
  return result;
}
