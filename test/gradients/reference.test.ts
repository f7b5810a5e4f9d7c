import assert from 'node:assert/strict';
import type { Tensor } from '../../models/ops.ts';
import { random } from '../support/reference/random.ts';
import { type Feed, ReferenceBuilder, valueOf } from '../support/reference.ts';

const close = (tensor: Tensor, expected: readonly number[], shape?: readonly number[]): void => {
  const value = valueOf(tensor);
  if (shape !== undefined) assert.deepEqual([...value.shape], [...shape]);
  assert.equal(value.data.length, expected.length);
  expected.forEach((entry, position) => {
    assert.ok(
      Math.abs(value.data[position] - entry) < 1e-12,
      `entry ${position}: ${value.data[position]}, not ${entry}`,
    );
  });
};

const ops = new ReferenceBuilder({});
const constant = ({ shape, data }: Feed, dtype?: 'int32') => ops.constant(Array.from(data), shape, dtype);
const grid = (...shape: number[]) => {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return ops.constant(
    Array.from({ length: size }, (_, entry) => entry),
    shape,
  );
};

describe('the Float64 reference, against values worked out by hand', () => {
  it('broadcasts', () => {
    close(ops.sub(grid(2, 1), grid(3)), [0, -1, -2, 1, 0, -1], [2, 3]);
    close(ops.sub(10, grid(2)), [10, 9]);
    close(ops.div(1, ops.constant([2, 4])), [0.5, 0.25]);
    close(ops.maximum(grid(4), 1.5), [1.5, 1.5, 2, 3]);
    close(ops.minimum(grid(4), 1.5), [0, 1, 1.5, 1.5]);
  });

  it('computes functions of one number', () => {
    const x = ops.constant([0, Math.log(3), -Math.log(3)]);
    close(ops.sigmoid(x), [0.5, 0.75, 0.25]);
    close(ops.softplus(x), [Math.log(2), Math.log(4), Math.log(4 / 3)]);
    close(ops.silu(x), [0, 0.75 * Math.log(3), -0.25 * Math.log(3)]);
    close(ops.gelu(ops.constant([0, 1, -1])), [0, 0.8411919906082768, -0.15880800939172324]); // torch
    close(ops.tanh(x), [0, 0.8, -0.8]);
    close(ops.softplus(ops.constant([800, -800])), [800, 0]);
    close(ops.sigmoid(ops.constant([800, -800])), [1, 0]);
  });

  it('compares and chooses', () => {
    close(ops.toFloat(ops.less(grid(3), 1)), [1, 0, 0]);
    close(ops.toFloat(ops.greaterEqual(grid(3), 1)), [0, 1, 1]);
    close(ops.toFloat(ops.equal(grid(3), 1)), [0, 1, 0]);
    close(ops.toFloat(ops.and(ops.less(grid(3), 2), ops.greaterEqual(grid(3), 1))), [0, 1, 0]);
    close(ops.where(ops.less(grid(3), 1), -1, grid(2, 1)), [-1, 0, 0, -1, 1, 1], [2, 3]);
  });

  it('reduces', () => {
    close(ops.sum(grid(2, 3)), [15], []);
    close(ops.sum(grid(2, 3), { axes: [0] }), [3, 5, 7], [3]);
    close(ops.mean(grid(2, 3), { axes: [1], keepDims: true }), [1, 4], [2, 1]);
    close(ops.max(grid(2, 3, 2), { axes: [2, 0] }), [7, 9, 11], [3]);
    close(ops.softmax(ops.constant([Math.log(1), Math.log(3), 5, 5], [2, 2])), [0.25, 0.75, 0.5, 0.5]);
  });

  it('moves entries', () => {
    close(ops.reshape(grid(2, 3), [3, 'rest']), [0, 1, 2, 3, 4, 5], [3, 2]);
    close(ops.transpose(grid(2, 3), [1, 0]), [0, 3, 1, 4, 2, 5], [3, 2]);
    close(ops.transpose(grid(1, 2, 3), [2, 0, 1]), [0, 3, 1, 4, 2, 5], [3, 1, 2]);
    close(ops.broadcastTo(grid(2, 1), [2, 2]), [0, 0, 1, 1], [2, 2]);
    close(ops.slice(grid(2, 4), 1, 1, -1), [1, 2, 5, 6], [2, 2]);
    close(ops.slice(grid(4), 0, -2), [2, 3], [2]);
    close(ops.concat([grid(2, 1), grid(2, 2)], 1), [0, 0, 1, 1, 2, 3], [2, 3]);
    const index = ops.constant([2, 0, 2], [3], 'int32');
    close(ops.gatherRows(grid(3, 2), index), [4, 5, 0, 1, 4, 5], [3, 2]);
    close(ops.scatterAddRows(grid(3, 2), index, 4), [2, 3, 0, 0, 4, 6, 0, 0], [4, 2]);
  });

  it('multiplies matrices', () => {
    close(ops.matMul(grid(2, 3), grid(3, 2)), [10, 13, 28, 40], [2, 2]);
    close(ops.matMul(grid(2, 1, 2), grid(2, 2, 1)), [1, 13], [2, 1, 1]);
    const builder = new ReferenceBuilder({ w: { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] } });
    const w = builder.weight('w', [2, 3]);
    close(builder.frozenLinear(builder.constant([1, 1, 1], [1, 3]), w), [3, 12], [1, 2]);
    close(builder.frozenLinearAdjoint(builder.constant([1, 2], [1, 2]), w), [6, 9, 12], [1, 3]);
    close(builder.embedding(w, builder.constant([1], [1], 'int32')), [3, 4, 5], [1, 3]);
  });

  it('normalises and rotates', () => {
    close(ops.rmsNorm(ops.constant([3, 4], [1, 2]), ops.constant([1, 2]), 0), [
      3 / Math.sqrt(12.5),
      8 / Math.sqrt(12.5),
    ]);
    const [gain, bias] = [ops.constant([1, 2]), ops.constant([5, 7])];
    close(ops.layerNorm(ops.constant([3, 4], [1, 2]), gain, bias, 0), [4, 9]);
    const angle = ops.constant([Math.PI / 2, Math.PI], [1, 1, 1, 2]);
    const [cos, sin] = [Math.cos, Math.sin].map((f) =>
      constant({ shape: [1, 1, 1, 2], data: valueOf(angle).data.map(f) }),
    );
    close(ops.rotary(ops.constant([1, 2, 3, 4], [1, 1, 1, 4]), cos, sin), [-3, -2, 1, -4]);
  });

  it('refuses an index outside', () => {
    const outside = ops.constant([3], [1], 'int32');
    assert.throws(() => ops.gatherRows(grid(3, 2), outside), /gatherRows: the index 3 is not one of 0 to 2/);
    assert.throws(() => ops.scatterAddRows(grid(1, 2), outside, 3), RangeError);
    assert.throws(() => ops.tokenLogProbability(grid(1, 2), grid(3, 2), outside, ops.constant(1)), RangeError);
  });
});

describe('the Float64 reference, against its own primitives', () => {
  const hidden = constant(random([5, 3], 1, -2, 2));
  const embedding = constant(random([7, 3], 2, -2, 2));
  const target = constant({ shape: [5], data: [6, 0, 3, 3, 1] }, 'int32');
  const logits = ops.div(ops.matMul(hidden, ops.transpose(embedding, [1, 0])), 0.7);
  const probability = ops.softmax(logits);

  it('tokenLogProbability is the logarithm of one entry of a softmax', () => {
    const chosen = valueOf(target).data;
    const expected = Array.from(chosen, (id, row) => Math.log(valueOf(probability).data[row * 7 + id]));
    close(ops.tokenLogProbability(hidden, embedding, target, ops.constant(0.7)), expected, [5]);
  });

  it('tokenEntropy is −Σ p log p', () => {
    const expected = ops.neg(ops.sum(ops.mul(probability, ops.log(probability)), { axes: [1] }));
    close(ops.tokenEntropy(hidden, embedding, ops.constant(0.7)), [...valueOf(expected).data], [5]);
  });

  it('frozenLinearAdjoint is the adjoint of frozenLinear: ⟨W x, y⟩ = ⟨x, Wᵀ y⟩', () => {
    const builder = new ReferenceBuilder({ w: random([4, 3], 3), x: random([2, 3], 4), y: random([2, 4], 5) });
    const [w, x, y] = [builder.weight('w', [4, 3]), builder.input('x', [2, 3]), builder.input('y', [2, 4])];
    const forward = builder.sum(builder.mul(builder.frozenLinear(x, w), y));
    close(builder.sum(builder.mul(x, builder.frozenLinearAdjoint(y, w))), [valueOf(forward).data[0]]);
  });

  it('scatterAddRows is the adjoint of gatherRows', () => {
    const [x, y] = [constant(random([7, 3], 6)), constant(random([5, 3], 7))];
    const forward = ops.sum(ops.mul(ops.gatherRows(x, target), y));
    close(ops.sum(ops.mul(x, ops.scatterAddRows(y, target, 7))), [valueOf(forward).data[0]]);
  });

  it('rotary keeps lengths, and angles 0 change nothing', () => {
    const x = constant(random([2, 2, 3, 4], 8));
    const angle = random([2, 1, 3, 2], 9, -4, 4);
    const [cos, sin] = [Math.cos, Math.sin].map((f) => constant({ ...angle, data: Array.from(angle.data, f) }));
    const lengths = (tensor: Tensor) => valueOf(ops.sum(ops.square(tensor), { axes: [3] })).data;
    close(ops.reshape(ops.sum(ops.square(ops.rotary(x, cos, sin)), { axes: [3] }), [12]), [...lengths(x)]);
    const [one, zero] = [1, 0].map((entry) => ops.broadcastTo(ops.constant(entry), [2, 1, 3, 2]));
    close(ops.rotary(x, one, zero), [...valueOf(x).data]);
  });
});
