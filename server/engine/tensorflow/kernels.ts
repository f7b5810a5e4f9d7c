import type * as tfjs from '@tensorflow/tfjs';
import type { Attributes } from '../operations.ts';
import { vocabularyKernels } from './vocabulary.ts';

export type TensorFlow = typeof tfjs;
export type Values = readonly tfjs.Tensor[];

/** What an operation reads besides its operands. */
export interface Call {
  readonly attributes: Attributes;
  /** The shape of the result. */
  readonly shape: number[];
  readonly weight?: tfjs.Tensor2D;
  /** Whether a gradient will be asked for. */
  readonly differentiable: boolean;
}

/** How one operation is computed by TensorFlow. Gradients are tfjs's own, unless a kernel says otherwise. */
export type Kernel = (tf: TensorFlow, operands: Values, call: Call) => tfjs.Tensor;

const unary =
  (f: (tf: TensorFlow, x: tfjs.Tensor) => tfjs.Tensor): Kernel =>
  (tf, [x]) =>
    f(tf, x);

const binary =
  (f: (tf: TensorFlow, a: tfjs.Tensor, b: tfjs.Tensor) => tfjs.Tensor): Kernel =>
  (tf, [a, b]) =>
    f(tf, a, b);

/** The gradients of tfjs's maximum and minimum do not sum over stretched axes: so the operands are stretched before. */
const stretched =
  (f: (tf: TensorFlow, a: tfjs.Tensor, b: tfjs.Tensor) => tfjs.Tensor): Kernel =>
  (tf, [a, b], { shape }) =>
    f(tf, tf.broadcastTo(a, shape), tf.broadcastTo(b, shape));

/** A kernel whose result carries no gradient: tfjs has none for comparisons, and would fail on the way back. */
const withoutGradient =
  (kernel: Kernel): Kernel =>
  (tf, operands, call) => {
    const compute = (...given: unknown[]) => ({
      value: kernel(tf, given.slice(0, operands.length) as tfjs.Tensor[], call),
      gradFunc: () => operands.map(({ shape }) => tf.zeros(shape)),
    });
    return tf.customGrad(compute as Parameters<typeof tf.customGrad>[0])(...operands);
  };

const reduce =
  (f: (tf: TensorFlow, x: tfjs.Tensor, axes: number[], keepDims: boolean) => tfjs.Tensor): Kernel =>
  (tf, [x], { attributes }) => {
    const axes = [...(attributes.axes as readonly number[])];
    return axes.length === 0 ? x.clone() : f(tf, x, axes, attributes.keepDims as boolean);
  };

export const kernels: Readonly<Record<string, Kernel>> = {
  add: binary((tf, a, b) => tf.add(a, b)),
  sub: binary((tf, a, b) => tf.sub(a, b)),
  mul: binary((tf, a, b) => tf.mul(a, b)),
  div: binary((tf, a, b) => tf.div(a, b)),
  maximum: stretched((tf, a, b) => tf.maximum(a, b)),
  minimum: stretched((tf, a, b) => tf.minimum(a, b)),
  neg: unary((tf, x) => tf.neg(x)),
  exp: unary((tf, x) => tf.exp(x)),
  log: unary((tf, x) => tf.log(x)),
  sqrt: unary((tf, x) => tf.sqrt(x)),
  square: unary((tf, x) => tf.square(x)),
  sigmoid: unary((tf, x) => tf.sigmoid(x)),
  tanh: unary((tf, x) => tf.tanh(x)),
  softplus: unary((tf, x) => tf.softplus(x)),
  silu: unary((tf, x) => tf.mul(x, tf.sigmoid(x))),
  gelu: unary((tf, x) => {
    const inner = tf.mul(x, tf.add(tf.mul(tf.square(x), Math.sqrt(8 / Math.PI) * 0.044715), Math.sqrt(8 / Math.PI)));
    return tf.mul(x, tf.sigmoid(inner));
  }),
  less: withoutGradient(binary((tf, a, b) => tf.less(a, b))),
  greaterEqual: withoutGradient(binary((tf, a, b) => tf.greaterEqual(a, b))),
  equal: withoutGradient(binary((tf, a, b) => tf.equal(a, b))),
  and: withoutGradient(binary((tf, a, b) => tf.logicalAnd(a, b))),
  toFloat: withoutGradient(unary((tf, x) => tf.cast(x, 'float32'))),
  where: (tf, [condition, a, b]) => tf.where(condition, a, b),
  sum: reduce((tf, x, axes, keepDims) => tf.sum(x, axes, keepDims)),
  mean: reduce((tf, x, axes, keepDims) => tf.mean(x, axes, keepDims)),
  max: reduce((tf, x, axes, keepDims) => tf.max(x, axes, keepDims)),
  softmax: unary((tf, x) => tf.softmax(x)),
  reshape: (tf, [x], { shape }) => tf.reshape(x, shape),
  transpose: (tf, [x], { attributes }) => tf.transpose(x, [...(attributes.permutation as readonly number[])]),
  broadcastTo: (tf, [x], { shape }) => tf.broadcastTo(x, shape),
  slice: (tf, [x], { attributes }) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    const begin = x.shape.map((_, k) => (k === axis ? start : 0));
    return tf.slice(
      x,
      begin,
      x.shape.map((size, k) => (k === axis ? end - start : size)),
    );
  },
  concat: (tf, parts, { attributes }) => tf.concat([...parts], attributes.axis as number),
  gatherRows: (tf, [x, index]) => tf.gather(x, index as tfjs.Tensor1D),
  scatterAddRows: (tf, [updates, index], { shape: [rows] }) =>
    tf.unsortedSegmentSum(updates, index as tfjs.Tensor1D, rows),
  matMul: binary((tf, a, b) => tf.matMul(a, b)),
  frozenLinear: (tf, operands, { weight }) =>
    tf.customGrad((x) => ({
      value: tf.matMul(x as tfjs.Tensor2D, weight!, false, true),
      gradFunc: (dy: tfjs.Tensor) => tf.matMul(dy as tfjs.Tensor2D, weight!),
    }))(...operands),
  frozenLinearAdjoint: withoutGradient((tf, [y], { weight }) => tf.matMul(y, weight!)),
  embedding: (tf, [ids], { weight }) => tf.gather(weight!, ids as tfjs.Tensor1D),
  rmsNorm: (tf, [x, gain], { attributes }) => {
    const power = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(power, attributes.epsilon as number))), gain);
  },
  layerNorm: (tf, [x, gain, bias], { attributes }) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const inverse = tf.rsqrt(tf.add(variance, attributes.epsilon as number));
    return tf.add(tf.mul(tf.mul(centred, inverse), gain), bias);
  },
  rotary: (tf, [x, cos, sin]) => {
    const [left, right] = tf.split(x, 2, 3);
    const first = tf.sub(tf.mul(left, cos), tf.mul(right, sin));
    return tf.concat([first, tf.add(tf.mul(right, cos), tf.mul(left, sin))], 3);
  },
  stopGradient: withoutGradient(unary((_tf, x) => x.clone())),
  ...vocabularyKernels,
};
