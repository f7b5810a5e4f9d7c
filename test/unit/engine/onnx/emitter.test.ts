import assert from 'node:assert/strict';
import { Emitter, valueInfo } from '../../../../server/engine/onnx/emitter.ts';

describe('Emitter', () => {
  it('leaves out what no output depends on: it would run last and keep its operands alive', () => {
    const emit = new Emitter();
    const transposed = emit.emit('Transpose', ['a'], { perm: [1, 0] });
    emit.emit('Neg', [transposed]);
    const product = emit.emit('Gemm', ['a', 'b'], { transA: 1 });
    emit.node.push({ opType: 'Identity', domain: '', input: [product], output: ['result'], attribute: [] });
    const { node } = emit.graph([], [valueInfo('result', [2, 2], 'float32')]);
    assert.deepEqual(
      node.map(({ opType }) => opType),
      ['Gemm', 'Identity'],
    );
  });
});
