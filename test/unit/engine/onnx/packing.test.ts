import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../../../models/ops.ts';
import { compile } from '../../../../server/engine/onnx/program.ts';
import type { CompileOptions } from '../../../../server/engine/runtime.ts';
import { assertClose } from '../../../support/close.ts';

describe('matrices packed into a graph', () => {
  const values = (count: number, seed: number) => Float32Array.from({ length: count }, (_, k) => Math.sin(seed + k));
  const tied = values(7 * 4, 1);
  const other = values(5 * 4, 2);
  const ids = Int32Array.of(2, 6, 0);

  /** An embedding that is also multiplied with, and a matrix that is only multiplied with. */
  function build(ops: OpBuilder): Record<string, Tensor> {
    const embedding = ops.weight('tied', [7, 4]);
    const rows = ops.embedding(embedding, ops.input('ids', [3], 'int32'));
    return { a: ops.frozenLinear(rows, embedding), b: ops.frozenLinear(rows, ops.weight('other', [5, 4])) };
  }

  async function run(options: CompileOptions, feeds: Record<string, Float32Array>) {
    const session = await compile(build, options);
    try {
      const { a, b } = await session.run({ ids, ...feeds });
      return { inputs: [...session.inputs.keys()].sort(), values: [...a.data, ...b.data] };
    } finally {
      await session.release();
    }
  }

  it('give what inputs give, and are not asked for again but where rows are looked up', async () => {
    const plain = await run({}, { tied, other });
    assert.deepEqual(plain.inputs, ['ids', 'other', 'tied']);
    const packed = await run({ packed: (name) => ({ tied, other })[name] }, { tied });
    assert.deepEqual(packed.inputs, ['ids', 'tied']);
    assertClose(packed.values, plain.values, 1e-6);
  });

  it('are copies: what is fed later does not reach the products', async () => {
    const plain = await run({}, { tied, other });
    const packed = await run({ packed: (name) => (name === 'other' ? other : undefined) }, { tied, other: tied });
    assert.deepEqual(packed.inputs, ['ids', 'tied']);
    assertClose(packed.values, plain.values, 1e-6);
  });

  it('as bytes too', async () => {
    const bytes = Int8Array.from({ length: 4 * 5 }, (_, k) => ((k * 37) % 128) - 64);
    const forTied = Int8Array.from({ length: 4 * 7 }, (_, k) => ((k * 31) % 128) - 64);
    const scales = { 'other.int8.forward.scales': values(5, 3), 'tied.int8.forward.scales': values(7, 4) };
    const matrices = { 'other.int8.forward': bytes, 'tied.int8.forward': forTied } as Record<string, Int8Array>;
    const feeds = { tied, ...scales } as Record<string, Float32Array>;
    const options = { precision: 'int8-base' as const };
    const plain = await run(options, { ...feeds, ...(matrices as unknown as Record<string, Float32Array>) });
    const packed = await run({ ...options, packed: (name) => matrices[name] }, feeds);
    assert.deepEqual(packed.inputs, ['ids', 'other.int8.forward.scales', 'tied', 'tied.int8.forward.scales']);
    assert.deepEqual(packed.values, plain.values);
  });
});
