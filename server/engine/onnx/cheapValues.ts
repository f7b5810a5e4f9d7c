import { type GraphBuilder, type GraphNode, type GraphTensor, tie } from './graph.ts';

/**
 * Values of the forward pass that gradient rules read, computed again where that takes little time (norms, activations,
 * attention weights), so that only what they are computed from is kept. As for a segment, ties order the schedule: a value
 * is computed again not before the gradient that asks for it, and not before the gradients of the parameters so far,
 * which the runtime would otherwise leave for last while all that they read stays alive.
 */
export class CheapValues {
  private readonly ops: GraphBuilder;
  private readonly producers: ReadonlyMap<GraphTensor, GraphNode>;
  private readonly known = new Map<GraphTensor, GraphTensor>();
  /** Gradients of parameters since something was last computed again. */
  private before: GraphTensor[] = [];

  /** `ops` holds the forward pass and nothing else yet. */
  constructor(ops: GraphBuilder) {
    this.ops = ops;
    this.producers = new Map(ops.nodes.map((node) => [node.output, node]));
  }

  after(gradient: GraphTensor): void {
    this.before.push(gradient);
  }

  /** The node as its gradient rule reads it: operands and result computed again where they are cheap. */
  recomputed(node: GraphNode, dy: GraphTensor): GraphNode {
    const inputs = readsOperands.has(node.op) ? node.inputs.map((input) => this.again(input, dy)) : node.inputs;
    const output = readsResult.has(node.op) ? this.again(node.output, dy) : node.output;
    return { ...node, inputs, output };
  }

  private again(tensor: GraphTensor, dy: GraphTensor): GraphTensor {
    const known = this.known.get(tensor);
    if (known !== undefined) return known;
    const node = this.producers.get(tensor);
    const kind = node === undefined ? 'dear' : costOf(node);
    if (node === undefined || kind === 'dear') return tensor;
    const inputs = node.inputs.map((input) => this.again(input, dy));
    if (inputs.every((input, k) => input === node.inputs[k])) {
      if (kind === 'follows') return tensor;
      const smallest = smallestArray(inputs);
      inputs[smallest] = tie(this.ops, inputs[smallest], [dy, ...this.before]);
      this.before = [];
    }
    const { attributes, weight } = node;
    const result = this.ops.record(node.op, inputs, tensor.shape, { attributes, weight, dtype: tensor.dtype });
    this.known.set(tensor, result);
    return result;
  }
}

/** Rules that read the values of operands, and of the result. One that is missing here keeps more than it must. */
const readsOperands: ReadonlySet<string> = new Set(['mul', 'div', 'square', 'silu', 'softplus', 'rmsNorm', 'matMul']);
const readsResult: ReadonlySet<string> = new Set(['silu', 'sigmoid', 'tanh', 'softmax', 'exp']);

/**
 * 'cheap': worth computing again, being one pass over its operands or one of the small products of attention. 'follows':
 * as large as its operand, so it is computed again only where its operand is.
 */
function costOf({ op, inputs, output }: GraphNode): 'cheap' | 'follows' | 'dear' {
  if (!output.tracked) return 'dear';
  if (op === 'matMul') return output.shape.length > 2 ? 'cheap' : 'dear';
  if (op === 'reshape' || op === 'transpose') return 'follows';
  const tracked = inputs.filter((input) => input.tracked).length;
  if (op === 'add' || op === 'sub') return tracked === 1 ? 'follows' : 'dear';
  if (op === 'mul') return tracked === 1 ? 'follows' : 'cheap'; // the product's own rule reads both factors anyway
  return onePass.has(op) ? 'cheap' : 'dear';
}

const onePass: ReadonlySet<string> = new Set(['sigmoid', 'silu', 'tanh', 'softmax', 'rmsNorm']);

/** Which float32 operand has the fewest entries; scalars do not count, for a tie would give them a dimension. */
function smallestArray(tensors: readonly GraphTensor[]): number {
  const sizes = tensors.map(({ shape, dtype }) =>
    dtype === 'float32' && shape.length > 0
      ? (shape as readonly number[]).reduce((product, n) => product * n, 1)
      : Number.POSITIVE_INFINITY,
  );
  return sizes.indexOf(Math.min(...sizes));
}
