import assert from 'node:assert/strict';
import { Int8Weights, int8Names, toInt8 } from '../../../../server/engine/weights/int8.ts';
import { random } from '../../../support/reference/random.ts';

const weight = { shape: [70, 5], data: Float32Array.from(random([70, 5], 7).data) };
/** W[n][k] */
const entry = (n: number, k: number) => weight.data[n * 5 + k];

describe('a frozen matrix as bytes', () => {
  for (const largest of [64, 127]) {
    it(`is within half a step of the original, forward and adjoint, up to ${largest}`, () => {
      for (const use of ['forward', 'adjoint'] as const) {
        const { rows, columns, values, scales } = toInt8(weight, use, largest);
        assert.deepEqual([rows, columns], use === 'forward' ? [5, 70] : [70, 5]);
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < columns; c++) {
            const original = use === 'forward' ? entry(c, r) : entry(r, c);
            const error = Math.abs(values[r * columns + c] * scales[c] - original);
            assert.ok(error <= scales[c] * 0.5001, `${use} ${r}, ${c}: off by ${error}, a step is ${scales[c]}`);
          }
        }
      }
    });

    it(`uses the whole range of every column, and no more than ${largest}`, () => {
      for (const use of ['forward', 'adjoint'] as const) {
        const { columns, values } = toInt8(weight, use, largest);
        for (let c = 0; c < columns; c++) {
          const column = values.filter((_, k) => k % columns === c).map(Math.abs);
          assert.equal(Math.max(...column), largest);
        }
      }
    });
  }

  it('keeps a column of zeros', () => {
    const { values, scales } = toInt8({ shape: [2, 2], data: Float32Array.of(0, 1, 0, -2) }, 'adjoint', 127);
    assert.deepEqual([...values], [0, 64, 0, -127]);
    assert.equal(scales[0], 0);
  });

  it('is made once, for the inputs that a graph names', () => {
    const int8 = new Int8Weights(new Map([['w.weight', weight]]), 127);
    const names = int8Names('w.weight', 'forward');
    const first = int8.feedsFor(['ids', 'w.weight', names.scales, names.values]);
    assert.deepEqual(Object.keys(first).sort(), [names.values, names.scales].sort());
    assert.equal(int8.bytes, 350 + 70 * 4);
    assert.equal(int8.feedsFor([names.values])[names.values], first[names.values]);
    assert.equal(int8.bytes, 350 + 70 * 4);
    assert.throws(() => int8.feedsFor([int8Names('other', 'adjoint').values]), /no weight other/);
  });
});
