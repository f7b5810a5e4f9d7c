import type { Emitter } from './emitter.ts';
import type { GraphNode, GraphTensor } from './graph.ts';
import type { Lowering } from './lower.ts';

/** Rows of logits in memory at once. */
const chunkRows = 256;

/** One chunk of logits l = h Eᵀ / temperature, and what its softmax is made of. */
interface Chunk {
  readonly start: number;
  readonly rows: number;
  readonly hidden: string;
  /** h / temperature */
  readonly scaled: string;
  readonly logits: string;
  readonly probability: string;
  /** log Σ e^l, [rows, 1] */
  readonly logTotal: string;
}

interface Operands {
  readonly hidden: GraphTensor;
  readonly temperature: GraphTensor;
  readonly target?: GraphTensor;
  readonly slope?: GraphTensor;
  readonly matrix: string;
}

/**
 * The operations over the whole vocabulary. Each walks the rows in chunks, so that nothing of size rows × V is kept. A
 * value and its Jacobian (the gradient with respect to the scaled hidden state) are made from the same chunk.
 */
export const overVocabularyLowerings: Readonly<Record<string, Lowering>> = {
  tokenLogProbability: (emit, node, graph) => {
    const operands = operandsOf(emit, node);
    const jacobian = graph.companion(node, 'tokenLogProbabilityJacobian');
    const values: string[] = [];
    const jacobians: string[] = [];
    for (const chunk of chunks(emit, operands)) {
      const target = rowsOf(emit, operands.target!, chunk);
      const rows = emit.emit('Gather', [operands.matrix, target], { axis: 0 });
      const logit = emit.emit('ReduceSum', [emit.emit('Mul', [rows, chunk.scaled]), emit.int64([1])], { keepdims: 1 });
      const value = emit.emit('Sub', [logit, chunk.logTotal]);
      values.push(emit.emit('Reshape', [value, emit.int64([chunk.rows])]));
      if (jacobian !== undefined) {
        const difference = emit.emit('Sub', [rows, emit.emit('MatMul', [chunk.probability, operands.matrix])]);
        jacobians.push(after(emit, difference, value));
      }
    }
    if (jacobian !== undefined) emit.bind(jacobian.output, join(emit, jacobians));
    return join(emit, values);
  },
  tokenEntropy: (emit, node, graph) => {
    const operands = operandsOf(emit, node);
    const jacobian = graph.companion(node, 'tokenEntropyJacobian');
    const values: string[] = [];
    const jacobians: string[] = [];
    for (const chunk of chunks(emit, operands)) {
      const { entropy, slope } = entropyOf(emit, chunk);
      values.push(emit.emit('Reshape', [entropy, emit.int64([chunk.rows])]));
      if (jacobian !== undefined) {
        jacobians.push(after(emit, emit.emit('MatMul', [slope, operands.matrix]), entropy));
      }
    }
    if (jacobian !== undefined) emit.bind(jacobian.output, join(emit, jacobians));
    return join(emit, values);
  },
  // Reached only where the value itself is not needed.
  tokenLogProbabilityJacobian: (emit, node, graph) => {
    overVocabularyLowerings.tokenLogProbability(emit, node, { ...graph, companion: () => node });
    return emit.name(node.output);
  },
  tokenEntropyJacobian: (emit, node, graph) => {
    overVocabularyLowerings.tokenEntropy(emit, node, { ...graph, companion: () => node });
    return emit.name(node.output);
  },
  // d/dE Σ slope·logp = Σ slope·(onehot(target) − p)ᵀ h, where slope already holds 1/temperature.
  tokenLogProbabilityEmbedding: (emit, node) => {
    const operands = operandsOf(emit, node);
    const shape = emit.int64(node.output.shape as readonly number[]);
    let gradient = emit.emit('Expand', [emit.scalar(0), shape]);
    for (const chunk of chunks(emit, operands)) {
      const slope = emit.emit('Reshape', [rowsOf(emit, operands.slope!, chunk), emit.int64([chunk.rows, 1])]);
      const scaled = emit.emit('Mul', [chunk.hidden, slope]);
      gradient = emit.emit('Sub', [gradient, emit.emit('Gemm', [chunk.probability, scaled], { transA: 1 })]);
      const target = emit.emit('Reshape', [rowsOf(emit, operands.target!, chunk), emit.int64([chunk.rows, 1])]);
      const indices = emit.emit('Expand', [target, emit.int64([chunk.rows, operands.hidden.shape[1] as number])]);
      gradient = emit.emit('ScatterElements', [gradient, indices, scaled], { axis: 0, reduction: 'add' });
    }
    return gradient;
  },
  tokenEntropyEmbedding: (emit, node) => {
    const operands = operandsOf(emit, node);
    const shape = emit.int64(node.output.shape as readonly number[]);
    let gradient = emit.emit('Expand', [emit.scalar(0), shape]);
    for (const chunk of chunks(emit, operands)) {
      const slope = emit.emit('Reshape', [rowsOf(emit, operands.slope!, chunk), emit.int64([chunk.rows, 1])]);
      const scaled = emit.emit('Mul', [chunk.hidden, slope]);
      const part = emit.emit('Gemm', [entropyOf(emit, chunk).slope, scaled], { transA: 1 });
      gradient = emit.emit('Add', [gradient, part]);
    }
    return gradient;
  },
};

/** Inputs by their place: hidden, [target], temperature, [embedding], [slope]. */
function operandsOf(emit: Emitter, node: GraphNode): Operands {
  const rest = [...node.inputs];
  const hidden = rest.shift()!;
  const target = node.op.startsWith('tokenLogProbability') ? rest.shift() : undefined;
  const temperature = rest.shift()!;
  const embedding = node.weight === undefined ? rest.shift() : undefined;
  const matrix = node.weight?.name ?? emit.name(embedding!);
  return { hidden, target, temperature, slope: rest.shift(), matrix };
}

function* chunks(emit: Emitter, { hidden, temperature, matrix }: Operands): Generator<Chunk> {
  const count = hidden.shape[0] as number;
  for (let start = 0; start < count; start += chunkRows) {
    const rows = Math.min(chunkRows, count - start);
    const part = rowsOf(emit, hidden, { start, rows });
    const scaled = emit.emit('Div', [part, emit.name(temperature)]);
    const logits = emit.emit('Gemm', [scaled, matrix], { transB: 1 });
    const probability = emit.emit('Softmax', [logits], { axis: -1 });
    // log Σ e^l = max l − log max p: max p ≥ 1/V, so nothing underflows, and no further pass writes a row of size V.
    const largest = (x: string) => emit.emit('ReduceMax', [x, emit.int64([1])], { keepdims: 1 });
    const logTotal = emit.emit('Sub', [largest(logits), emit.emit('Log', [largest(probability)])]);
    yield { start, rows, hidden: part, scaled, logits, probability, logTotal };
  }
}

/** H = −Σ p log p [rows, 1] and dH/dl = −p (log p + H) [rows, V]. */
function entropyOf(emit: Emitter, { logits, logTotal, probability }: Chunk): { entropy: string; slope: string } {
  const logp = emit.emit('Sub', [logits, logTotal]);
  const sum = emit.emit('ReduceSum', [emit.emit('Mul', [probability, logp]), emit.int64([1])], { keepdims: 1 });
  const centred = emit.emit('Sub', [sum, logp]);
  return { entropy: emit.emit('Neg', [sum]), slope: emit.emit('Mul', [probability, centred]) };
}

/**
 * The Jacobian [rows, D], but not before the value [rows, 1]. The runtime computes what only the outputs need last, and
 * would keep every chunk's logits until then.
 */
function after(emit: Emitter, jacobian: string, value: string): string {
  return emit.emit('Add', [jacobian, emit.emit('Mul', [value, emit.scalar(0)])]);
}

function rowsOf(emit: Emitter, tensor: GraphTensor, { start, rows }: { start: number; rows: number }): string {
  if (start === 0 && rows === tensor.shape[0]) return emit.name(tensor);
  return emit.emit('Slice', [emit.name(tensor), emit.int64([start]), emit.int64([start + rows]), emit.int64([0])]);
}

function join(emit: Emitter, parts: string[]): string {
  return parts.length === 1 ? parts[0] : emit.emit('Concat', parts, { axis: 0 });
}
