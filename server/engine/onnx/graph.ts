import type { DType, FrozenWeight, Shape, Tensor } from '../../../models/ops.ts';
import { CheckedBuilder } from '../builder.ts';
import { type Attributes, detached, type Operation } from '../operations.ts';

/** One recorded operation. `weight` is the frozen matrix it multiplies with, if any. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly GraphTensor[];
  readonly attributes: Attributes;
  readonly weight?: FrozenWeight;
  readonly output: GraphTensor;
}

export interface GraphTensor extends Tensor {
  readonly id: number;
  /** Whether a parameter lies upstream on a differentiable path. */
  readonly tracked: boolean;
  readonly kind: 'input' | 'parameter' | 'constant' | 'computed';
  readonly name?: string;
  readonly values?: Float32Array | Int32Array;
}

/** A stretch to recompute; the nodes of its first evaluation are already in the graph. */
export interface Segment {
  readonly fn: (...inputs: Tensor[]) => Tensor;
  readonly inputs: readonly GraphTensor[];
  readonly output: GraphTensor;
}

export type TapeEntry = GraphNode | Segment;

/** The OpBuilder that records: leaves, nodes in order of creation, and the tape that the backward pass walks. */
export class GraphBuilder extends CheckedBuilder<GraphTensor> {
  readonly nodes: GraphNode[] = [];
  readonly constants: GraphTensor[] = [];
  tape: TapeEntry[] = [];
  private count = 0;

  segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): GraphTensor {
    const outer = this.tape;
    this.tape = [];
    try {
      const result = fn(...inputs) as GraphTensor;
      // What was there before the segment gets a node of its own, or its gradient would count twice.
      const inside = this.tape.some((entry) => entry.output === result);
      const output = inside ? result : this.reshape(result, result.shape);
      outer.push({ fn, inputs: inputs as readonly GraphTensor[], output });
      return output;
    } finally {
      this.tape = outer;
    }
  }

  protected makeLeaf(kind: 'input' | 'parameter', name: string, shape: Shape, dtype: DType): GraphTensor {
    return this.tensor(kind, shape, dtype, { tracked: kind === 'parameter', name });
  }

  protected makeConstant(values: Float32Array | Int32Array, shape: readonly number[], dtype: DType): GraphTensor {
    const tensor = this.tensor('constant', shape, dtype, { tracked: false, values });
    this.constants.push(tensor);
    return tensor;
  }

  protected perform(
    { name, attributes, weight }: Operation,
    inputs: readonly GraphTensor[],
    shape: Shape,
    dtype: DType,
  ): GraphTensor {
    const tracked = !detached.has(name) && inputs.some((input) => input.tracked);
    const output = this.tensor('computed', shape, dtype, { tracked });
    const node: GraphNode = { op: name, inputs, attributes, weight, output };
    this.nodes.push(node);
    this.tape.push(node);
    return output;
  }

  private tensor(
    kind: GraphTensor['kind'],
    shape: Shape,
    dtype: DType,
    more: Pick<GraphTensor, 'tracked' | 'name' | 'values'>,
  ): GraphTensor {
    return { id: this.count++, kind, shape: [...shape], dtype, ...more };
  }
}

/** x, but not before `others` are computed: x + 0·Σ first entries. */
export function tie(ops: GraphBuilder, x: GraphTensor, others: readonly GraphTensor[]): GraphTensor {
  return others.length === 0 ? x : ops.record('tie', [x, ...others], x.shape);
}
