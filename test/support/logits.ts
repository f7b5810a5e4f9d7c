import assert from 'node:assert/strict';
import { hiddenStates, outputMatrix, tokenInputs } from '../../models/network.ts';
import { isFrozen } from '../../models/ops.ts';
import { type ActiveAdapter, adapterContext, adapterFeeds, type Model } from '../../server/engine/model.ts';
import { compile } from '../../server/engine/onnx/program.ts';

/** The logits of every token of one row, [T, V] row by row. */
export async function logitsOf(
  model: Model,
  adapter: ActiveAdapter | undefined,
  ids: readonly number[],
): Promise<Float32Array> {
  const session = await compile((ops) => {
    const context = adapterContext(ops, adapter?.lora);
    const hidden = hiddenStates(context, model.config, tokenInputs(ops, 1, ids.length)); // [T, D]
    const matrix = outputMatrix(context, model.config);
    assert.ok(isFrozen(matrix));
    return { logits: ops.frozenLinear(hidden, matrix) };
  });
  try {
    const { logits } = await session.run({
      ...model.feeds,
      ...adapterFeeds(adapter),
      ids: Int32Array.from(ids),
      positions: Int32Array.from(ids, (_, k) => k),
      segments: new Int32Array(ids.length).fill(1),
    });
    return logits.data as Float32Array;
  } finally {
    await session.release();
  }
}
