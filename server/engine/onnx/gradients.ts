import { isFrozen, type Tensor } from '../../../models/ops.ts';
import { sameShape } from '../shapes.ts';
import type { GraphBuilder, GraphNode, GraphTensor } from './graph.ts';

/** Given the gradient of a node's output: the gradient of each input, null where none flows. */
type GradientRule = (ops: GraphBuilder, node: GraphNode, dy: GraphTensor) => (Tensor | null)[];

/** Every differentiable operation has its rule here; what has none is in `detached` or throws when it is met. */
export const gradientRules: Readonly<Record<string, GradientRule>> = {
  add: (ops, { inputs: [a, b] }, dy) => [sumTo(ops, dy, a), sumTo(ops, dy, b)],
  sub: (ops, { inputs: [a, b] }, dy) => [sumTo(ops, dy, a), b.tracked ? ops.neg(sumTo(ops, dy, b)) : null],
  mul: (ops, { inputs: [a, b] }, dy) => [
    a.tracked ? sumTo(ops, ops.mul(dy, b), a) : null,
    b.tracked ? sumTo(ops, ops.mul(dy, a), b) : null,
  ],
  div: (ops, { inputs: [a, b], output }, dy) => [
    a.tracked ? sumTo(ops, ops.div(dy, b), a) : null,
    b.tracked ? sumTo(ops, ops.neg(ops.div(ops.mul(dy, output), b)), b) : null,
  ],
  maximum: (ops, { inputs: [a, b] }, dy) => {
    const first = ops.toFloat(ops.greaterEqual(a, b));
    return [sumTo(ops, ops.mul(dy, first), a), sumTo(ops, ops.mul(dy, ops.sub(1, first)), b)];
  },
  minimum: (ops, { inputs: [a, b] }, dy) => {
    const first = ops.toFloat(ops.greaterEqual(b, a));
    return [sumTo(ops, ops.mul(dy, first), a), sumTo(ops, ops.mul(dy, ops.sub(1, first)), b)];
  },
  neg: (ops, _, dy) => [ops.neg(dy)],
  exp: (ops, { output }, dy) => [ops.mul(dy, output)],
  log: (ops, { inputs: [x] }, dy) => [ops.div(dy, x)],
  sqrt: (ops, { output }, dy) => [ops.div(ops.mul(dy, 0.5), output)],
  square: (ops, { inputs: [x] }, dy) => [ops.mul(dy, ops.mul(x, 2))],
  sigmoid: (ops, { output }, dy) => [ops.mul(dy, ops.mul(output, ops.sub(1, output)))],
  tanh: (ops, { output }, dy) => [ops.mul(dy, ops.sub(1, ops.square(output)))],
  softplus: (ops, { inputs: [x] }, dy) => [ops.mul(dy, ops.sigmoid(x))],
  silu: (ops, { inputs: [x], output }, dy) => {
    // d(xσ) = σ + xσ(1 − σ) = σ + y − yσ
    const gate = ops.sigmoid(x);
    return [ops.mul(dy, ops.add(gate, ops.mul(output, ops.sub(1, gate))))];
  },
  gelu: (ops, { inputs: [x], output }, dy) => {
    // With u = c·(x + a·x³), y = x·σ(2u): dy/dx = σ + 2·y·(1 − σ)·c·(1 + 3a·x²)
    const power = ops.square(x);
    const gate = ops.sigmoid(ops.mul(x, ops.add(ops.mul(power, 2 * gelu.c * gelu.a), 2 * gelu.c)));
    const slope = ops.add(ops.mul(power, 6 * gelu.c * gelu.a), 2 * gelu.c);
    return [ops.mul(dy, ops.add(gate, ops.mul(ops.mul(output, ops.sub(1, gate)), slope)))];
  },
  where: (ops, { inputs: [condition, a, b] }, dy) => [
    null,
    a.tracked ? sumTo(ops, ops.where(condition, dy, 0), a) : null,
    b.tracked ? sumTo(ops, ops.where(condition, 0, dy), b) : null,
  ],
  sum: (ops, node, dy) => [spread(ops, node, dy)],
  mean: (ops, node, dy) => {
    const [x] = node.inputs;
    const count = (node.attributes.axes as readonly number[]).reduce((n, axis) => n * (x.shape[axis] as number), 1);
    return [ops.mul(spread(ops, node, dy), 1 / count)];
  },
  max: (ops, node, dy) => {
    const [x] = node.inputs;
    const largest = ops.toFloat(ops.equal(x, spread(ops, node, node.output)));
    return [ops.mul(spread(ops, node, dy), largest)];
  },
  softmax: (ops, { output }, dy) => {
    const weighted = ops.mul(dy, output);
    const total = ops.sum(weighted, { axes: [output.shape.length - 1], keepDims: true });
    return [ops.sub(weighted, ops.mul(output, total))];
  },
  reshape: (ops, { inputs: [x] }, dy) => [ops.reshape(dy, x.shape)],
  transpose: (ops, { attributes }, dy) => {
    const permutation = attributes.permutation as readonly number[];
    return [
      ops.transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ];
  },
  broadcastTo: (ops, { inputs: [x] }, dy) => [sumTo(ops, dy, x)],
  slice: (ops, { inputs: [x], attributes }, dy) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    const size = x.shape[axis] as number;
    const zeros = (length: number): Tensor[] => {
      if (length === 0) return [];
      const shape = x.shape.map((dimension, k) => (k === axis ? length : (dimension as number)));
      return [ops.broadcastTo(ops.constant(0), shape)];
    };
    return [ops.concat([...zeros(start), dy, ...zeros(size - end)], axis)];
  },
  concat: (ops, { inputs, attributes }, dy) => {
    const axis = attributes.axis as number;
    let start = 0;
    return inputs.map((part) => {
      const end = start + (part.shape[axis] as number);
      const piece = part.tracked ? ops.slice(dy, axis, start, end) : null;
      start = end;
      return piece;
    });
  },
  gatherRows: (ops, { inputs: [x, index] }, dy) => [ops.scatterAddRows(dy, index, x.shape[0] as number), null],
  scatterAddRows: (ops, { inputs: [, index] }, dy) => [ops.gatherRows(dy, index), null],
  matMul: (ops, { inputs: [a, b] }, dy) => [
    a.tracked ? ops.matMul(dy, swapLast(ops, b)) : null,
    b.tracked ? ops.matMul(swapLast(ops, a), dy) : null,
  ],
  frozenLinear: (ops, { weight }, dy) => [ops.frozenLinearAdjoint(dy, weight!)],
  rmsNorm: (ops, { inputs: [x, gain], attributes }, dy) => {
    // With r = 1/√(mean(x²) + ε) and u = dy·gain: dx = r·(u − x·r²·mean(u·x)), dgain = Σ dy·x·r
    const options = { axes: [1], keepDims: true };
    const power = ops.add(ops.mean(ops.square(x), options), attributes.epsilon as number);
    const inverse = ops.div(1, ops.sqrt(power));
    const scaled = ops.mul(dy, gain);
    const along = ops.div(ops.mean(ops.mul(scaled, x), options), power);
    return [
      x.tracked ? ops.mul(ops.sub(scaled, ops.mul(x, along)), inverse) : null,
      gain.tracked ? ops.sum(ops.mul(dy, ops.mul(x, inverse)), { axes: [0] }) : null,
    ];
  },
  layerNorm: (ops, { inputs: [x, gain, bias], attributes }, dy) => {
    // With n = (x − mean(x))·r and u = dy·gain: dx = r·(u − mean(u) − n·mean(u·n)), dgain = Σ dy·n, dbias = Σ dy
    const options = { axes: [1], keepDims: true };
    const centred = ops.sub(x, ops.mean(x, options));
    const variance = ops.mean(ops.square(centred), options);
    const inverse = ops.div(1, ops.sqrt(ops.add(variance, attributes.epsilon as number)));
    const normal = ops.mul(centred, inverse);
    const scaled = ops.mul(dy, gain);
    const along = ops.mul(normal, ops.mean(ops.mul(scaled, normal), options));
    const across = ops.sub(ops.sub(scaled, ops.mean(scaled, options)), along);
    return [
      x.tracked ? ops.mul(across, inverse) : null,
      gain.tracked ? ops.sum(ops.mul(dy, normal), { axes: [0] }) : null,
      bias.tracked ? ops.sum(dy, { axes: [0] }) : null,
    ];
  },
  rotary: (ops, { inputs: [, cos, sin] }, dy) => [ops.rotary(dy, cos, ops.neg(sin)), null, null],
  tokenLogProbability: (ops, node, dy) => {
    const [hidden, target, temperature, embedding] = node.inputs;
    const matrix = node.weight ?? embedding;
    const slope = ops.div(dy, temperature);
    const jacobian = hidden.tracked
      ? ops.overVocabulary('tokenLogProbabilityJacobian', [hidden, target, temperature], matrix, hidden.shape)
      : null;
    return [
      jacobian === null ? null : ops.mul(jacobian, ops.reshape(slope, [slope.shape[0], 1])),
      null,
      null,
      ...(isFrozen(matrix)
        ? []
        : [ops.record('tokenLogProbabilityEmbedding', [hidden, target, temperature, matrix, slope], matrix.shape)]),
    ];
  },
  tokenEntropy: (ops, node, dy) => {
    const [hidden, temperature, embedding] = node.inputs;
    const matrix = node.weight ?? embedding;
    const slope = ops.div(dy, temperature);
    const jacobian = hidden.tracked
      ? ops.overVocabulary('tokenEntropyJacobian', [hidden, temperature], matrix, hidden.shape)
      : null;
    return [
      jacobian === null ? null : ops.mul(jacobian, ops.reshape(slope, [slope.shape[0], 1])),
      null,
      ...(isFrozen(matrix)
        ? []
        : [ops.record('tokenEntropyEmbedding', [hidden, temperature, matrix, slope], matrix.shape)]),
    ];
  },
};

/** The numbers in GELU's approximation: √(2/π), and what x³ is multiplied by. */
export const gelu = { c: Math.sqrt(2 / Math.PI), a: 0.044715 } as const;

/** Sums a broadcast gradient back to the shape of the operand. */
function sumTo(ops: GraphBuilder, dy: GraphTensor, operand: GraphTensor): GraphTensor {
  if (!operand.tracked || sameShape(dy.shape, operand.shape)) return dy;
  const extra = dy.shape.length - operand.shape.length;
  const axes = dy.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (operand.shape[axis - extra] === 1 && dy.shape[axis] !== 1));
  return ops.reshape(ops.sum(dy, { axes }), operand.shape);
}

/** A reduced value, broadcast back over the axes that its node reduced. */
function spread(ops: GraphBuilder, node: GraphNode, value: GraphTensor): GraphTensor {
  const [x] = node.inputs;
  const axes = node.attributes.axes as readonly number[];
  const kept = x.shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));
  return ops.broadcastTo(ops.reshape(value, kept), x.shape as readonly number[]);
}

function swapLast(ops: GraphBuilder, x: GraphTensor): GraphTensor {
  const axes = x.shape.map((_, axis) => axis);
  [axes[axes.length - 1], axes[axes.length - 2]] = [axes[axes.length - 2], axes[axes.length - 1]];
  return ops.transpose(x, axes);
}
