import assert from 'node:assert/strict';
import { numberFormats } from '../../../../server/engine/weights/gguf.ts';
import {
  BF16,
  F16,
  F32,
  firstNotFinite,
  hasSpecialHalf,
  type NumberFormat,
  Q4_0,
  Q4_1,
  Q8_0,
  toBF16,
} from '../../../../server/engine/weights/numbers.ts';

const half = (bits: number) => [bits & 255, bits >> 8];
const ONE_AND_A_HALF = half(0x3e00);
const MINUS_QUARTER = half(0xb400);

function widened(format: NumberFormat, bytes: number[], count: number): number[] {
  const out = new Float32Array(count + 2).fill(-99);
  format.widen(Uint8Array.from(bytes), out, 1);
  assert.equal(out[0], -99, 'nothing is written before the place asked for');
  assert.equal(out[count + 1], -99, 'nothing is written after it');
  return [...out.subarray(1, count + 1)];
}

describe('number formats', () => {
  it('F16: ordinary, subnormal, zero, infinite and NaN', () => {
    const bits = [0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x0000, 0x7c00, 0xfc00];
    const expected = [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, 0, Infinity, -Infinity];
    assert.deepEqual(widened(F16, bits.flatMap(half), bits.length), expected);
    assert.ok(Number.isNaN(widened(F16, half(0x7e01), 1)[0]));
    assert.ok(Object.is(widened(F16, half(0x8000), 1)[0], -0));
  });

  it('BF16 and F32 keep their bits', () => {
    assert.deepEqual(widened(BF16, [...half(0x3f80), ...half(0xc049), ...half(0x7f80)], 3), [1, -3.140625, Infinity]);
    const bytes = [...new Uint8Array(Float32Array.of(0.1, -7e30).buffer)];
    assert.deepEqual(widened(F32, bytes, 2), [Math.fround(0.1), Math.fround(-7e30)]);
  });

  it('Q8_0: 32 signed bytes times the scale', () => {
    const bytes = [...ONE_AND_A_HALF, ...Array.from({ length: 32 }, (_, i) => (i * 8 + 128) & 255)];
    assert.deepEqual(
      widened(Q8_0, bytes, 32),
      Array.from({ length: 32 }, (_, i) => 1.5 * (i * 8 - 128)),
    );
  });

  it('Q4_0: low nibbles first, minus 8', () => {
    const bytes = [...MINUS_QUARTER, ...Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4))];
    const expected = Array.from({ length: 32 }, (_, i) => -0.25 * ((i < 16 ? i : 31 - i) - 8)).map((x) => x || 0);
    assert.deepEqual(
      widened(Q4_0, bytes, 32).map((x) => x || 0),
      expected,
    );
  });

  it('Q4_1: scale and minimum, block after block', () => {
    const block = (scale: number[], minimum: number[]) => [
      ...scale,
      ...minimum,
      ...Array.from({ length: 16 }, (_, i) => i | (3 << 4)),
    ];
    const bytes = [...block(ONE_AND_A_HALF, MINUS_QUARTER), ...block(MINUS_QUARTER, ONE_AND_A_HALF)];
    const numbers = (scale: number, minimum: number) =>
      Array.from({ length: 32 }, (_, i) => scale * (i < 16 ? i : 3) + minimum);
    assert.deepEqual(widened(Q4_1, bytes, 64), [...numbers(1.5, -0.25), ...numbers(-0.25, 1.5)]);
  });

  it('toBF16 rounds to nearest, ties to even, and keeps NaN and infinity', () => {
    const tie = 1 + 2 ** -8; // half way between 1 and 1 + 2⁻⁷
    const values = Float32Array.of(1, tie, 1 + 3 * 2 ** -8, tie + 2 ** -20, -0.1, NaN, -Infinity, 3.4e38);
    const [one, down, up, above, tenth, nan, infinite, overflow] = widened(
      BF16,
      [...new Uint8Array(toBF16(values).buffer)],
      8,
    );
    assert.deepEqual([one, down, up, above], [1, 1, 1 + 2 ** -6, 1 + 2 ** -7]);
    assert.ok(Math.abs(tenth + 0.1) <= 0.1 * 2 ** -8);
    assert.ok(Number.isNaN(nan));
    assert.deepEqual([infinite, overflow], [-Infinity, Infinity]);
  });

  it('of every format: a half-precision number of a block that is not finite is seen, and only that', () => {
    for (const { name, blockBytes, blockSize, halves, widen } of numberFormats) {
      if (halves === undefined) continue;
      // Whatever the other bytes are.
      const blocks = Uint8Array.from({ length: 3 * blockBytes }, (_, k) => (k * 151 + 77) % 256);
      for (let block = 0; block < 3; block++)
        for (const half of halves) blocks.set([0xff, 0x7b], block * blockBytes + half);
      const numbers = () => {
        const out = new Float32Array(3 * blockSize);
        widen(blocks, out, 0);
        return out;
      };
      assert.equal(hasSpecialHalf(blocks, halves, blockBytes), false, name);
      assert.equal(firstNotFinite(numbers()), -1, `${name}: finite with the largest halves`);
      for (const half of halves) {
        for (const [bits, what] of [
          [0x7c, 'infinity'],
          [0xfc, 'minus infinity'],
          [0x7e, 'NaN'],
        ] as const) {
          const before = blocks.slice();
          blocks.set([0, bits], blockBytes + half);
          assert.equal(hasSpecialHalf(blocks, halves, blockBytes), true, `${name}: ${what} at ${half}`);
          assert.ok(firstNotFinite(numbers()) >= blockSize, `${name}: ${what} at ${half}`);
          blocks.set(before);
        }
      }
    }
  });

  it('finds the first number that is not finite', () => {
    assert.equal(firstNotFinite(Float32Array.of(1, -3e38, 0)), -1);
    assert.equal(firstNotFinite(Float32Array.of(1, 2, -Infinity, NaN)), 2);
    assert.equal(firstNotFinite(Float32Array.of(NaN)), 0);
    assert.equal(firstNotFinite(Float32Array.of(3e38, 3e38, 3e38)), -1, 'a sum that overflows is no reason');
  });
});
