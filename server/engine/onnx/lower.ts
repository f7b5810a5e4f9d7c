import { sameShape } from '../shapes.ts';
import type { Emitter } from './emitter.ts';
import { gelu } from './gradients.ts';
import type { GraphNode, GraphTensor } from './graph.ts';
import { int8Product, type QuantisedRows } from './int8.ts';
import { overVocabularyLowerings } from './vocabulary.ts';

/** How one recorded operation becomes ONNX nodes; returns the name of its result. */
export type Lowering = (emit: Emitter, node: GraphNode, graph: LoweringContext) => string;

export interface LoweringContext {
  /** The node that computed a tensor, where one did. */
  producer(tensor: GraphTensor): GraphNode | undefined;
  /** The node of that operation over the same inputs that the outputs also need, if there is one. */
  companion(node: GraphNode, op: string): GraphNode | undefined;
  /** Whether one operation alone reads the tensor, and it is no output. */
  isReadOnce(tensor: GraphTensor): boolean;
  /** The CPU's own operations, which do several at one go, are at hand. */
  readonly fuses: boolean;
  /** The tensor as bytes, where frozen matrices are multiplied as bytes; made once for all products that read it. */
  bytesOf?(tensor: GraphTensor): QuantisedRows;
}

const direct =
  (opType: string): Lowering =>
  (emit, { inputs }) =>
    emit.emit(
      opType,
      inputs.map((input) => emit.name(input)),
    );

const reduce =
  (opType: string): Lowering =>
  (emit, { inputs: [x], attributes }) => {
    const axes = attributes.axes as readonly number[];
    if (axes.length === 0) return emit.emit('Identity', [emit.name(x)]);
    return emit.emit(opType, [emit.name(x), emit.int64(axes)], { keepdims: attributes.keepDims ? 1 : 0 });
  };

export const lowerings: Readonly<Record<string, Lowering>> = {
  add: (emit, node, graph) => productAndSum(emit, node, graph) ?? direct('Add')(emit, node, graph),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
  maximum: direct('Max'),
  minimum: direct('Min'),
  neg: direct('Neg'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  square: (emit, { inputs: [x] }) => emit.emit('Mul', [emit.name(x), emit.name(x)]),
  sigmoid: direct('Sigmoid'),
  tanh: direct('Tanh'),
  softplus: direct('Softplus'),
  silu: (emit, { inputs: [x] }, { fuses }) =>
    fuses
      ? emit.emit('QuickGelu', [emit.name(x)], { alpha: { float: 1 } }, 'com.microsoft')
      : emit.emit('Mul', [emit.name(x), emit.emit('Sigmoid', [emit.name(x)])]),
  gelu: (emit, { inputs: [x] }) => {
    // ½ (1 + tanh u) = σ(2u), with u = c·(x + a·x³)
    const input = emit.name(x);
    const scaled = emit.emit('Mul', [emit.emit('Mul', [input, input]), emit.scalar(2 * gelu.c * gelu.a)]);
    const inner = emit.emit('Mul', [input, emit.emit('Add', [scaled, emit.scalar(2 * gelu.c)])]);
    return emit.emit('Mul', [input, emit.emit('Sigmoid', [inner])]);
  },
  less: direct('Less'),
  greaterEqual: direct('GreaterOrEqual'),
  equal: direct('Equal'),
  and: direct('And'),
  toFloat: (emit, { inputs: [x] }) => emit.emit('Cast', [emit.name(x)], { to: 1 }),
  where: direct('Where'),
  sum: reduce('ReduceSum'),
  mean: reduce('ReduceMean'),
  max: reduce('ReduceMax'),
  softmax: (emit, { inputs: [x] }) => emit.emit('Softmax', [emit.name(x)], { axis: -1 }),
  reshape: (emit, { inputs: [x], output }) => {
    const shape = output.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
    return emit.emit('Reshape', [emit.name(x), emit.int64(shape)]);
  },
  transpose: (emit, { inputs: [x], attributes }) =>
    emit.emit('Transpose', [emit.name(x)], { perm: attributes.permutation as readonly number[] }),
  broadcastTo: (emit, { inputs: [x], output }) =>
    emit.emit('Expand', [emit.name(x), emit.int64(output.shape as readonly number[])]),
  slice: (emit, { inputs: [x], attributes }) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    return emit.emit('Slice', [emit.name(x), emit.int64([start]), emit.int64([end]), emit.int64([axis])]);
  },
  concat: (emit, { inputs, attributes }) =>
    emit.emit(
      'Concat',
      inputs.map((input) => emit.name(input)),
      { axis: attributes.axis as number },
    ),
  gatherRows: (emit, { inputs: [x, index] }) => emit.emit('Gather', [emit.name(x), emit.name(index)], { axis: 0 }),
  scatterAddRows: (emit, { inputs: [updates, index], output }) => {
    const [rows, columns] = output.shape as number[];
    const count = updates.shape[0] as number;
    const zeros = emit.emit('Expand', [emit.scalar(0), emit.int64([rows, columns])]);
    const column = emit.emit('Reshape', [emit.name(index), emit.int64([count, 1])]);
    const indices = emit.emit('Expand', [column, emit.int64([count, columns])]);
    return emit.emit('ScatterElements', [zeros, indices, emit.name(updates)], { axis: 0, reduction: 'add' });
  },
  matMul: (emit, { inputs: [a, b] }, graph) => {
    if (a.shape.length !== 2) return emit.emit('MatMul', [emit.name(a), emit.name(b)]);
    // A transposed operand is read in place: Gemm packs it on the way in.
    const left = untransposed(a, graph);
    const right = untransposed(b, graph);
    if (left === a && right === b) return emit.emit('MatMul', [emit.name(a), emit.name(b)]);
    const flags = { transA: left === a ? 0 : 1, transB: right === b ? 0 : 1 };
    return emit.emit('Gemm', [emit.name(left), emit.name(right)], flags);
  },
  frozenLinear: (emit, { inputs: [x], weight }, { bytesOf }) =>
    bytesOf
      ? int8Product(emit, bytesOf(x), weight!, 'forward')
      : emit.emit('Gemm', [emit.name(x), weight!.name], { transB: 1 }),
  frozenLinearAdjoint: (emit, { inputs: [y], weight }, { bytesOf }) =>
    bytesOf ? int8Product(emit, bytesOf(y), weight!, 'adjoint') : emit.emit('MatMul', [emit.name(y), weight!.name]),
  embedding: (emit, { inputs: [ids], weight }) => emit.emit('Gather', [weight!.name, emit.name(ids)], { axis: 0 }),
  rmsNorm: (emit, { inputs: [x, gain], attributes }) =>
    emit.emit('SimplifiedLayerNormalization', [emit.name(x), emit.name(gain)], {
      axis: -1,
      epsilon: { float: attributes.epsilon as number },
      stash_type: 1,
    }),
  layerNorm: (emit, { inputs: [x, gain, bias], attributes }) =>
    emit.emit('LayerNormalization', [emit.name(x), emit.name(gain), emit.name(bias)], {
      axis: -1,
      epsilon: { float: attributes.epsilon as number },
    }),
  rotary: (emit, node, graph) => {
    const fused = graph.fuses ? fusedRotary(emit, node, graph) : undefined;
    if (fused !== undefined) return fused;
    const {
      inputs: [x, cos, sin],
      output,
    } = node;
    const width = output.shape[3] as number;
    const part = (start: number, end: number) =>
      emit.emit('Slice', [emit.name(x), emit.int64([start]), emit.int64([end]), emit.int64([3])]);
    const [left, right] = [part(0, width / 2), part(width / 2, width)];
    const times = (half: string, angle: GraphTensor) => emit.emit('Mul', [half, emit.name(angle)]);
    const first = emit.emit('Sub', [times(left, cos), times(right, sin)]);
    const second = emit.emit('Add', [times(right, cos), times(left, sin)]);
    return emit.emit('Concat', [first, second], { axis: 3 });
  },
  stopGradient: direct('Identity'),
  tie: (emit, { inputs: [x, ...others] }) => {
    const firsts = others.map((other) => {
      const flat = emit.emit('Reshape', [emit.name(other), emit.int64([-1])]);
      return emit.emit('Slice', [flat, emit.int64([0]), emit.int64([1]), emit.int64([0])]);
    });
    const total = firsts.length === 1 ? firsts[0] : emit.emit('Sum', firsts);
    return emit.emit('Add', [emit.name(x), emit.emit('Mul', [total, emit.scalar(0)])]);
  },
  ...overVocabularyLowerings,
};

/** a + b where one of them is a product that nobody else reads: Gemm adds to what is there. */
function productAndSum(emit: Emitter, { inputs: [a, b], output }: GraphNode, graph: LoweringContext) {
  if (!graph.fuses || output.shape.length !== 2) return undefined;
  for (const [summand, product] of [
    [a, b],
    [b, a],
  ]) {
    const node = graph.producer(product);
    const fits = sameShape(summand.shape, output.shape) && sameShape(product.shape, output.shape);
    if (node?.op !== 'matMul' || !fits || !graph.isReadOnce(product)) continue;
    const [left, right] = node.inputs.map((operand) => untransposed(operand, graph));
    const flags = { transA: left === node.inputs[0] ? 0 : 1, transB: right === node.inputs[1] ? 0 : 1 };
    return emit.emit('Gemm', [emit.name(left), emit.name(right), emit.name(summand)], flags);
  }
  return undefined;
}

/** One operation for all of it, where every row's place is known, or the heads of a token still stand together. */
function fusedRotary(emit: Emitter, { inputs: [x, cos, sin], output }: GraphNode, graph: LoweringContext) {
  const [batch, heads, time, width] = output.shape;
  const angles = [cos, sin].map((angle) =>
    emit.emit('Reshape', [emit.name(angle), emit.int64([-1, (width as number) / 2])]),
  );
  const rotate = (input: string, positions: string, attributes = {}) =>
    emit.emit('RotaryEmbedding', [input, positions, ...angles], attributes, 'com.microsoft');
  if (typeof batch === 'number' && typeof time === 'number') {
    const places = Array.from({ length: batch * time }, (_, k) => k);
    return rotate(emit.name(x), emit.int64(places, [batch, time]));
  }
  const node = graph.producer(x);
  if (node?.op !== 'transpose' || String(node.attributes.permutation) !== '0,2,1,3') return undefined;
  const joined = (heads as number) * (width as number);
  const rows = emit.emit('Reshape', [emit.name(node.inputs[0]), emit.int64([1, -1, joined])]);
  const rotated = rotate(rows, emit.int64([0]), { num_heads: heads as number });
  const shape = node.inputs[0].shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  return emit.emit('Transpose', [emit.emit('Reshape', [rotated, emit.int64(shape)])], { perm: [0, 2, 1, 3] });
}

function untransposed(tensor: GraphTensor, graph: LoweringContext): GraphTensor {
  const producer = graph.producer(tensor);
  return producer?.op === 'transpose' ? producer.inputs[0] : tensor;
}
