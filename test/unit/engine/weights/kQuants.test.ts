import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as kQuants from '../../../../server/engine/weights/kQuants.ts';
import * as numbers from '../../../../server/engine/weights/numbers.ts';
import { packageRoot } from '../../../../server/paths.ts';
import { assertClose } from '../../../support/close.ts';

/** Blocks of random bits, and the numbers that llama.cpp's own Python package reads in them (make_quants.py). */
const golden: Readonly<Record<string, { readonly blocks: string; readonly numbers: string }>> = JSON.parse(
  readFileSync(join(packageRoot(), 'test', 'support', 'golden', 'quants.json'), 'utf8'),
);
const formats = Object.values({ ...numbers, ...kQuants }).filter((value) => typeof value === 'object');

describe('quantised number formats', () => {
  for (const [name, { blocks, numbers: expected }] of Object.entries(golden)) {
    it(`${name}: what llama.cpp reads, block by block`, () => {
      const format = formats.find((candidate) => candidate.name === name);
      assert.ok(format, `there is no format ${name}`);
      const bytes = new Uint8Array(Buffer.from(blocks, 'base64'));
      const wanted = new Float32Array(new Uint8Array(Buffer.from(expected, 'base64')).buffer);
      assert.equal((bytes.length / format.blockBytes) * format.blockSize, wanted.length);
      const found = new Float32Array(wanted.length + 2).fill(-99);
      format.widen(bytes, found, 1);
      assert.deepEqual([found[0], found[wanted.length + 1]], [-99, -99], 'nothing is written outside');
      for (let at = 0; at < wanted.length; at += format.blockSize) {
        assertClose(
          found.subarray(1 + at, 1 + at + format.blockSize),
          wanted.subarray(at, at + format.blockSize),
          1e-6,
        );
      }
    });
  }

  it('Q8_K: 256 signed bytes times a float32 scale', () => {
    const bytes = new Uint8Array(2 * 292);
    for (const [block, scale] of [0.1, -3].entries()) {
      new DataView(bytes.buffer).setFloat32(block * 292, scale, true);
      for (let i = 0; i < 256; i++) bytes[block * 292 + 4 + i] = i;
    }
    const found = new Float32Array(512);
    kQuants.Q8_K.widen(bytes, found, 0);
    const expected = [Math.fround(0.1), -3].flatMap((scale) =>
      Array.from({ length: 256 }, (_, i) => Math.fround(scale * (i < 128 ? i : i - 256))),
    );
    assert.deepEqual([...found], expected);
  });
});
