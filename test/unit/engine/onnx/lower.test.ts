import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../../../models/ops.ts';
import { compile, compileGraph } from '../../../../server/engine/onnx/program.ts';
import { openSession } from '../../../../server/engine/onnx/sessions.ts';
import type { Feeds } from '../../../../server/engine/runtime.ts';

describe('operations that the CPU does at one go', () => {
  type Build = (ops: OpBuilder) => Record<string, Tensor>;
  const values = (count: number, seed: number) =>
    Float32Array.from({ length: count }, (_, k) => Math.sin(seed + k * k));

  /** Every output is what the single operations give, and the graph has fewer of these. */
  async function same(build: Build, feeds: Feeds, gone: readonly string[]) {
    const [plain, fused] = [compileGraph(build), compileGraph(build, {}, { fuses: true })];
    for (const name of gone) {
      assert.ok(occurrences(plain.bytes, name) > occurrences(fused.bytes, name), `${name} is not needed`);
    }
    const [single, session] = [await openSession(plain), await compile(build)];
    const [expected, found] = [await single.run(feeds), await session.run(feeds)];
    for (const [name, { data }] of Object.entries(expected)) {
      for (const [k, value] of data.entries()) {
        assert.ok(Math.abs(value - found[name].data[k]) < 1e-6 * Math.max(1, Math.abs(value)), `${name} ${k}`);
      }
    }
    await single.release();
    await session.release();
  }

  for (const [batch, heads, time, width] of [
    [2, 3, 5, 2],
    [3, 2, 4, 10],
    [1, 2, 3, 20],
    [2, 9, 7, 64],
  ]) {
    const feeds = {
      x: values(batch * heads * time * width, 1),
      cos: values((batch * time * width) / 2, 2),
      sin: values((batch * time * width) / 2, 3),
    };
    const angles = (ops: OpBuilder, rows: number | string) =>
      [ops.input('cos', [rows, 1, time, width / 2]), ops.input('sin', [rows, 1, time, width / 2])] as const;

    it(`rotates [${batch}, ${heads}, ${time}, ${width}]`, async () => {
      const build: Build = (ops) => ({
        y: ops.rotary(ops.input('x', [batch, heads, time, width]), ...angles(ops, batch)),
      });
      await same(build, feeds, ['Slice', 'Concat']);
    });

    it(`rotates heads of ${width} that stand together, of as many rows as come`, async () => {
      const build: Build = (ops) => {
        const flat = ops.reshape(ops.input('x', ['rows', heads * width]), ['batch', time, heads, width]);
        return { y: ops.rotary(ops.transpose(flat, [0, 2, 1, 3]), ...angles(ops, 'batch')) };
      };
      const shaped = {
        x: { data: feeds.x, shape: [batch * time, heads * width] },
        cos: { data: feeds.cos, shape: [batch, 1, time, width / 2] },
        sin: { data: feeds.sin, shape: [batch, 1, time, width / 2] },
      };
      await same(build, shaped, ['Slice', 'Concat']);
    });
  }

  it('multiplies by a sigmoid', async () => {
    await same((ops) => ({ y: ops.silu(ops.input('x', [7, 9])) }), { x: values(63, 1).map((x) => 40 * x) }, [
      'Sigmoid',
    ]);
  });

  it('adds a product to what is there, on either side and transposed in either way', async () => {
    const feeds = { a: values(12, 1), b: values(12, 2), c: values(9, 3), d: values(16, 4) };
    const build: Build = (ops) => {
      const [a, b] = [ops.input('a', [3, 4]), ops.input('b', [4, 3])];
      const [turnedA, turnedB] = [a, b].map((x) => ops.transpose(x, [1, 0]));
      return {
        left: ops.add(ops.matMul(a, b), ops.input('c', [3, 3])),
        right: ops.add(ops.input('c', [3, 3]), ops.matMul(turnedB, turnedA)),
        both: ops.add(ops.matMul(b, a), ops.matMul(turnedA, turnedB)),
        more: ops.add(ops.input('d', [4, 4]), ops.matMul(turnedA, turnedB)),
      };
    };
    await same(build, feeds, ['Add']);
  });

  it('leaves a product alone that others read too, or whose sum is broadcast', async () => {
    const feeds = { a: values(12, 1), b: values(12, 2), row: values(3, 3) };
    const build: Build = (ops) => {
      const product = ops.matMul(ops.input('a', [3, 4]), ops.input('b', [4, 3]));
      const other = ops.matMul(ops.input('a', [3, 4]), ops.input('b', [4, 3]));
      return { product, twice: ops.add(product, product), wide: ops.add(other, ops.input('row', [3])) };
    };
    await same(build, feeds, []);
  });
});

function occurrences(bytes: Uint8Array, word: string): number {
  return Buffer.from(bytes).toString('latin1').split(word).length - 1;
}
