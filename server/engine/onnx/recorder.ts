import { type DType, type FrozenWeight, type Shape, ShapeError, type Tensor } from '../../../models/ops.ts';
import { checkShape, elementCount, sameShape } from './shapes.ts';

export type Attributes = Readonly<Record<string, number | boolean | string | readonly number[]>>;

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

export type Operand = Tensor | number;

/** Operations whose result never carries a gradient. */
export const detached: ReadonlySet<string> = new Set([
  'less',
  'greaterEqual',
  'equal',
  'and',
  'toFloat',
  'stopGradient',
  'frozenLinearAdjoint',
]);

/** Operations whose operands are all float32. */
const floatOnly: ReadonlySet<string> = new Set([
  'div',
  'sum',
  'mean',
  'max',
  'matMul',
  'frozenLinear',
  'frozenLinearAdjoint',
  'rmsNorm',
  'rotary',
  'tokenEntropy',
]);

/** What a graph is made of: leaves, nodes in order of creation, and the tape that the backward pass walks. */
export class Recorder {
  readonly nodes: GraphNode[] = [];
  readonly inputs = new Map<string, GraphTensor>();
  readonly parameters = new Map<string, GraphTensor>();
  readonly weights = new Map<string, FrozenWeight>();
  readonly constants: GraphTensor[] = [];
  tape: TapeEntry[] = [];
  private readonly scalars = new Map<number, GraphTensor>();
  private count = 0;

  input(name: string, shape: Shape, dtype: DType = 'float32'): GraphTensor {
    return this.leaf(this.inputs, 'input', name, shape, dtype);
  }

  parameter(name: string, shape: readonly number[]): GraphTensor {
    return this.leaf(this.parameters, 'parameter', name, shape, 'float32');
  }

  weight(name: string, shape: readonly [number, number]): FrozenWeight {
    const known = this.weights.get(name);
    if (known === undefined) {
      const weight: FrozenWeight = { frozen: true, name, shape };
      this.weights.set(name, weight);
      return weight;
    }
    if (!sameShape(known.shape, shape)) throw new ShapeError('weight', [known.shape, shape], `${name} has two shapes`);
    return known;
  }

  constant(values: number | readonly number[], shape?: readonly number[], dtype: DType = 'float32'): GraphTensor {
    if (typeof values === 'number' && shape === undefined && dtype === 'float32') return this.scalar(values);
    const list = typeof values === 'number' ? [values] : values;
    const dims = shape ?? (typeof values === 'number' ? [] : [list.length]);
    if (elementCount(dims) !== list.length) throw new ShapeError('constant', [dims], `${list.length} values given`);
    const data = dtype === 'int32' ? Int32Array.from(list) : Float32Array.from(list);
    const tensor = this.tensor('constant', dims, dtype, false, undefined, data);
    this.constants.push(tensor);
    return tensor;
  }

  record(op: string, inputs: readonly Tensor[], shape: Shape, options: RecordOptions = {}): GraphTensor {
    checkShape(op, shape);
    const operands = inputs as readonly GraphTensor[];
    if (floatOnly.has(op) && operands.some((operand) => operand.dtype !== 'float32')) {
      throw new ShapeError(
        op,
        operands.map((operand) => operand.shape),
        'every operand must be float32',
      );
    }
    const tracked = !detached.has(op) && operands.some((input) => input.tracked);
    const output = this.tensor('computed', shape, options.dtype ?? 'float32', tracked);
    const { attributes = {}, weight } = options;
    const node: GraphNode = { op, inputs: operands, attributes, weight, output };
    this.nodes.push(node);
    this.tape.push(node);
    return output;
  }

  private tensor(
    kind: GraphTensor['kind'],
    shape: Shape,
    dtype: DType,
    tracked: boolean,
    name?: string,
    values?: Float32Array | Int32Array,
  ): GraphTensor {
    return { id: this.count++, kind, shape: [...shape], dtype, tracked, name, values };
  }

  private leaf(
    table: Map<string, GraphTensor>,
    kind: 'input' | 'parameter',
    name: string,
    shape: Shape,
    dtype: DType,
  ): GraphTensor {
    checkShape(kind, shape);
    const other = kind === 'input' ? this.parameters : this.inputs;
    if (other.has(name)) throw new ShapeError(kind, [shape], `${name} is an input and a parameter`);
    const known = table.get(name);
    if (known === undefined) {
      const tensor = this.tensor(kind, shape, dtype, kind === 'parameter', name);
      table.set(name, tensor);
      return tensor;
    }
    if (!sameShape(known.shape, shape) || known.dtype !== dtype) {
      throw new ShapeError(kind, [known.shape, shape], `${name} is declared twice and differently`);
    }
    return known;
  }

  private scalar(value: number): GraphTensor {
    let tensor = this.scalars.get(value);
    if (tensor === undefined) {
      tensor = this.tensor('constant', [], 'float32', false, undefined, Float32Array.of(value));
      this.scalars.set(value, tensor);
      this.constants.push(tensor);
    }
    return tensor;
  }

  protected operand(value: Operand, dtype: DType = 'float32'): GraphTensor {
    if (typeof value !== 'number') return value as GraphTensor;
    return dtype === 'int32' ? this.constant([value], [], 'int32') : this.scalar(value);
  }
}

export interface RecordOptions {
  readonly dtype?: DType;
  readonly attributes?: Attributes;
  readonly weight?: FrozenWeight;
}
