import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toF16, toQ8_0 } from '../../../../server/engine/weights/narrow.ts';
import { halfTable } from '../../../../server/engine/weights/numbers.ts';
import { packageRoot } from '../../../../server/paths.ts';

// Against numpy and llama.cpp's own package (test/support/golden/make_narrow.py).
const golden = JSON.parse(readFileSync(join(packageRoot(), 'test/support/golden/narrow.json'), 'utf8')) as Readonly<
  Record<'numbers' | 'F16' | 'Q8_0', string>
>;
const bytesOf = (name: keyof typeof golden) => Uint8Array.from(Buffer.from(golden[name], 'base64'));
const numbers = new Float32Array(bytesOf('numbers').buffer);

describe('narrowing float32', () => {
  it('to half precision, as numpy does it', () => {
    assert.deepEqual(new Uint8Array(toF16(numbers).buffer), bytesOf('F16'));
  });

  it('to half precision: every half stays itself, and what is too large becomes infinite', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, k) => k).filter((word) => (word & 0x7fff) <= 0x7c00);
    assert.deepEqual(toF16(Float32Array.from(bits, (word) => halfTable()[word])), bits);
    assert.deepEqual([...toF16(Float32Array.of(65520, -1e9, Number.NaN))], [0x7c00, 0xfc00, 0x7e00]);
  });

  it('to Q8_0, as llama.cpp does it', () => {
    assert.deepEqual(toQ8_0(numbers), bytesOf('Q8_0'));
  });
});
