import assert from 'node:assert/strict';
import { hiddenStates, outputMatrix, tokenInputs } from '../../models/network.ts';
import type { OpBuilder } from '../../models/ops.ts';
import { activate, adapterContext, adapterFeeds, Model } from '../../server/engine/model.ts';
import { compile, compileGraph } from '../../server/engine/onnx/program.ts';
import { relativeError } from '../support/close.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

const [batch, time] = [2, 12];

describe('cheap values computed again', () => {
  const base = tinyModel();
  const model = new Model(base);
  const adapter = activate(tinyAdapter(base));

  const build = (ops: OpBuilder) => {
    const context = adapterContext(ops, adapter.lora);
    const hidden = hiddenStates(context, base.config, tokenInputs(ops, batch, time));
    const target = ops.input('target', [batch * time], 'int32');
    const logps = ops.tokenLogProbability(hidden, outputMatrix(context, base.config), target, ops.constant(1));
    return { loss: ops.neg(ops.mean(logps)) };
  };
  const ids = Int32Array.from({ length: batch * time }, (_, k) => (k * 7 + 3) % 64);
  const feeds = {
    ...model.feeds,
    ...adapterFeeds(adapter),
    ids,
    target: ids.map((id) => (id * 5 + 1) % 64),
    positions: ids.map((_, k) => k % time),
    segments: new Int32Array(batch * time).fill(1),
  };

  async function gradients(recomputeCheap: boolean) {
    const session = await compile(build, { gradients: 'each', recomputeCheap });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  }

  it('give the gradients of the kept ones', async () => {
    const [kept, again] = [await gradients(false), await gradients(true)];
    const names = Object.keys(kept);
    assert.deepEqual(Object.keys(again), names);
    assert.ok(names.length > 14);
    for (const name of names) {
      const error = relativeError(again[name].data, kept[name].data);
      assert.ok(error < 1e-6, `${name} is off by ${error}`);
    }
  });

  it('are in the graph twice', () => {
    const size = (recomputeCheap: boolean) => compileGraph(build, { gradients: 'each', recomputeCheap }).bytes.length;
    assert.ok(size(true) > 1.05 * size(false), `${size(true)} bytes, without ${size(false)}`);
  });
});
