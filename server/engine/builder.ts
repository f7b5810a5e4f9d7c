import {
  type DType,
  type FrozenWeight,
  isFrozen,
  type Matrix,
  type OpBuilder,
  type ReduceOptions,
  type Shape,
  ShapeError,
  type Tensor,
} from '../../models/ops.ts';
import { floatOnly, type Operand, type Operation, type RecordOptions } from './operations.ts';
import {
  broadcastShape,
  checkShape,
  concatShape,
  elementCount,
  matMulShape,
  normaliseAxis,
  reducedAxes,
  reducedShape,
  requireRank,
  reshapeShape,
  sameShape,
  sliceRange,
  transposeShape,
} from './shapes.ts';

/**
 * What every engine's OpBuilder has in common: each method checks its operands and infers the shape of its result. What a
 * leaf is, and what an operation does, the engine says.
 */
export abstract class CheckedBuilder<T extends Tensor> implements OpBuilder {
  readonly inputs = new Map<string, T>();
  readonly parameters = new Map<string, T>();
  readonly weights = new Map<string, FrozenWeight>();
  private readonly scalars = new Map<number, T>();

  protected abstract makeLeaf(kind: 'input' | 'parameter', name: string, shape: Shape, dtype: DType): T;
  protected abstract makeConstant(values: Float32Array | Int32Array, shape: readonly number[], dtype: DType): T;
  protected abstract perform(operation: Operation, operands: readonly T[], shape: Shape, dtype: DType): T;
  abstract segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): T;

  input(name: string, shape: Shape, dtype: DType = 'float32'): T {
    return this.leaf(this.inputs, 'input', name, shape, dtype);
  }

  parameter(name: string, shape: readonly number[]): T {
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

  constant(values: number | readonly number[], shape?: readonly number[], dtype: DType = 'float32'): T {
    if (typeof values === 'number' && shape === undefined && dtype === 'float32') return this.scalar(values);
    const list = typeof values === 'number' ? [values] : values;
    const dims = shape ?? (typeof values === 'number' ? [] : [list.length]);
    if (elementCount(dims) !== list.length) throw new ShapeError('constant', [dims], `${list.length} values given`);
    return this.makeConstant(dtype === 'int32' ? Int32Array.from(list) : Float32Array.from(list), dims, dtype);
  }

  record(name: string, inputs: readonly Tensor[], shape: Shape, options: RecordOptions = {}): T {
    checkShape(name, shape);
    if (floatOnly.has(name) && inputs.some(({ dtype }) => dtype !== 'float32')) {
      const shapes = inputs.map((operand) => operand.shape);
      throw new ShapeError(name, shapes, 'every operand must be float32');
    }
    const { attributes = {}, weight, dtype = 'float32' } = options;
    return this.perform({ name, attributes, weight }, inputs as readonly T[], shape, dtype);
  }

  add(a: Tensor, b: Operand): T {
    return this.binary('add', a, b);
  }
  sub(a: Operand, b: Operand): T {
    return this.binary('sub', a, b);
  }
  mul(a: Tensor, b: Operand): T {
    return this.binary('mul', a, b);
  }
  div(a: Operand, b: Operand): T {
    return this.binary('div', a, b);
  }
  maximum(a: Tensor, b: Operand): T {
    return this.binary('maximum', a, b);
  }
  minimum(a: Tensor, b: Operand): T {
    return this.binary('minimum', a, b);
  }

  neg(x: Tensor): T {
    return this.unary('neg', x);
  }
  exp(x: Tensor): T {
    return this.unary('exp', x);
  }
  log(x: Tensor): T {
    return this.unary('log', x);
  }
  sqrt(x: Tensor): T {
    return this.unary('sqrt', x);
  }
  square(x: Tensor): T {
    return this.unary('square', x);
  }
  sigmoid(x: Tensor): T {
    return this.unary('sigmoid', x);
  }
  tanh(x: Tensor): T {
    return this.unary('tanh', x);
  }
  softplus(x: Tensor): T {
    return this.unary('softplus', x);
  }
  silu(x: Tensor): T {
    return this.unary('silu', x);
  }
  gelu(x: Tensor): T {
    return this.unary('gelu', x);
  }

  less(a: Tensor, b: Operand): T {
    return this.binary('less', a, b, 'bool');
  }
  greaterEqual(a: Tensor, b: Operand): T {
    return this.binary('greaterEqual', a, b, 'bool');
  }
  equal(a: Tensor, b: Operand): T {
    return this.binary('equal', a, b, 'bool');
  }
  and(a: Tensor, b: Tensor): T {
    if (a.dtype !== 'bool' || b.dtype !== 'bool') throw new ShapeError('and', [a.shape, b.shape], 'both must be bool');
    return this.record('and', [a, b], broadcastShape('and', a.shape, b.shape), { dtype: 'bool' });
  }
  toFloat(x: Tensor): T {
    if (x.dtype === 'float32') throw new ShapeError('toFloat', [x.shape], 'it is float32 already');
    return this.record('toFloat', [x], x.shape);
  }
  where(condition: Tensor, a: Operand, b: Operand): T {
    if (condition.dtype !== 'bool') throw new ShapeError('where', [condition.shape], 'the condition must be bool');
    const [left, right] = [this.operand(a), this.operand(b)];
    if (left.dtype !== 'float32' || right.dtype !== 'float32') {
      throw new ShapeError('where', [condition.shape, left.shape, right.shape], 'both sides must be float32');
    }
    const values = broadcastShape('where', left.shape, right.shape);
    return this.record('where', [condition, left, right], broadcastShape('where', condition.shape, values));
  }

  sum(x: Tensor, options?: ReduceOptions): T {
    return this.reduce('sum', x, options);
  }
  mean(x: Tensor, options?: ReduceOptions): T {
    return this.reduce('mean', x, options);
  }
  max(x: Tensor, options?: ReduceOptions): T {
    return this.reduce('max', x, options);
  }
  softmax(x: Tensor): T {
    if (x.shape.length === 0) throw new ShapeError('softmax', [x.shape], 'a scalar has no last axis');
    return this.unary('softmax', x);
  }

  reshape(x: Tensor, shape: Shape): T {
    return this.record('reshape', [x], reshapeShape(x.shape, shape), { dtype: x.dtype });
  }
  transpose(x: Tensor, permutation: readonly number[]): T {
    const shape = transposeShape(x.shape, permutation);
    return this.record('transpose', [x], shape, { dtype: x.dtype, attributes: { permutation } });
  }
  broadcastTo(x: Tensor, shape: readonly number[]): T {
    const result = broadcastShape('broadcastTo', x.shape, shape);
    if (!sameShape(result, shape)) throw new ShapeError('broadcastTo', [x.shape, shape], 'the result would be larger');
    return this.record('broadcastTo', [x], shape, { dtype: x.dtype });
  }
  slice(x: Tensor, axis: number, start: number, end?: number): T {
    const at = normaliseAxis('slice', x.shape, axis);
    const [from, to] = sliceRange(x.shape, at, start, end);
    const shape = x.shape.map((dimension, k) => (k === at ? to - from : dimension));
    return this.record('slice', [x], shape, { dtype: x.dtype, attributes: { axis: at, start: from, end: to } });
  }
  concat(parts: readonly Tensor[], axis: number): T {
    const shapes = parts.map((part) => part.shape);
    const shape = concatShape(shapes, axis);
    const at = normaliseAxis('concat', shape, axis);
    if (parts.some((part) => part.dtype !== parts[0].dtype)) throw new ShapeError('concat', shapes, 'types differ');
    return this.record('concat', parts, shape, { dtype: parts[0].dtype, attributes: { axis: at } });
  }
  gatherRows(x: Tensor, index: Tensor): T {
    requireRank('gatherRows', x.shape, 2);
    this.requireIndex('gatherRows', index);
    return this.record('gatherRows', [x, index], [index.shape[0], x.shape[1]], { dtype: x.dtype });
  }
  scatterAddRows(updates: Tensor, index: Tensor, rows: number): T {
    requireRank('scatterAddRows', updates.shape, 2);
    this.requireIndex('scatterAddRows', index);
    if (updates.shape[0] !== index.shape[0]) {
      throw new ShapeError('scatterAddRows', [updates.shape, index.shape], 'one index a row is needed');
    }
    return this.record('scatterAddRows', [updates, index], [rows, updates.shape[1]], { attributes: { rows } });
  }

  matMul(a: Tensor, b: Tensor): T {
    return this.record('matMul', [a, b], matMulShape(a.shape, b.shape));
  }
  frozenLinear(x: Tensor, weight: FrozenWeight): T {
    const [rows, columns] = weight.shape;
    this.requireColumns('frozenLinear', x, weight, columns);
    return this.record('frozenLinear', [x], [x.shape[0], rows], { weight });
  }
  frozenLinearAdjoint(y: Tensor, weight: FrozenWeight): T {
    const [rows, columns] = weight.shape;
    this.requireColumns('frozenLinearAdjoint', y, weight, rows);
    return this.record('frozenLinearAdjoint', [y], [y.shape[0], columns], { weight });
  }
  embedding(embedding: Matrix, ids: Tensor): T {
    requireRank('embedding', embedding.shape, 2);
    this.requireIndex('embedding', ids);
    if (!isFrozen(embedding)) return this.gatherRows(embedding, ids);
    return this.record('embedding', [ids], [ids.shape[0], embedding.shape[1]], { weight: embedding });
  }

  rmsNorm(x: Tensor, gain: Tensor, epsilon: number): T {
    requireRank('rmsNorm', x.shape, 2);
    if (!sameShape(gain.shape, [x.shape[1]])) {
      throw new ShapeError('rmsNorm', [x.shape, gain.shape], `the gain must be [${x.shape[1]}]`);
    }
    return this.record('rmsNorm', [x, gain], x.shape, { attributes: { epsilon } });
  }
  layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): T {
    requireRank('layerNorm', x.shape, 2);
    if (!sameShape(gain.shape, [x.shape[1]]) || !sameShape(bias.shape, gain.shape)) {
      throw new ShapeError('layerNorm', [x.shape, gain.shape, bias.shape], `gain and bias must be [${x.shape[1]}]`);
    }
    return this.record('layerNorm', [x, gain, bias], x.shape, { attributes: { epsilon } });
  }
  rotary(x: Tensor, cos: Tensor, sin: Tensor): T {
    requireRank('rotary', x.shape, 4);
    const [batch, , time, width] = x.shape;
    const angles: Shape = [batch, 1, time, typeof width === 'number' ? width / 2 : width];
    if (!sameShape(cos.shape, angles) || !sameShape(sin.shape, angles)) {
      throw new ShapeError('rotary', [x.shape, cos.shape, sin.shape], `cos and sin must be [${angles.join(', ')}]`);
    }
    return this.record('rotary', [x, cos, sin], x.shape);
  }
  tokenLogProbability(hidden: Tensor, embedding: Matrix, target: Tensor, temperature: Tensor): T {
    this.requireHead('tokenLogProbability', hidden, embedding, temperature);
    this.requireIndex('tokenLogProbability', target);
    if (hidden.shape[0] !== target.shape[0]) {
      throw new ShapeError('tokenLogProbability', [hidden.shape, target.shape], 'one target a row is needed');
    }
    return this.overVocabulary('tokenLogProbability', [hidden, target, temperature], embedding, [hidden.shape[0]]);
  }
  tokenEntropy(hidden: Tensor, embedding: Matrix, temperature: Tensor): T {
    this.requireHead('tokenEntropy', hidden, embedding, temperature);
    return this.overVocabulary('tokenEntropy', [hidden, temperature], embedding, [hidden.shape[0]]);
  }

  stopGradient(x: Tensor): T {
    return this.record('stopGradient', [x], x.shape, { dtype: x.dtype });
  }
  /** The rows of logits work on chunks; `embedding` is a handle, or the last input where it is trained. */
  overVocabulary(op: string, inputs: readonly Tensor[], embedding: Matrix, shape: Shape): T {
    if (isFrozen(embedding)) return this.record(op, inputs, shape, { weight: embedding });
    return this.record(op, [...inputs, embedding], shape);
  }

  private binary(op: string, a: Operand, b: Operand, dtype?: DType): T {
    const type = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
    const [left, right] = [this.operand(a, type), this.operand(b, type)];
    if (left.dtype !== right.dtype || left.dtype === 'bool') {
      throw new ShapeError(op, [left.shape, right.shape], `types ${left.dtype} and ${right.dtype} do not go together`);
    }
    return this.record(op, [left, right], broadcastShape(op, left.shape, right.shape), { dtype: dtype ?? type });
  }

  private unary(op: string, x: Tensor): T {
    if (x.dtype !== 'float32') throw new ShapeError(op, [x.shape], `float32 is needed, not ${x.dtype}`);
    return this.record(op, [x], x.shape);
  }

  private reduce(op: string, x: Tensor, options: ReduceOptions = {}): T {
    const axes = reducedAxes(op, x.shape, options.axes);
    const keepDims = options.keepDims ?? false;
    return this.record(op, [x], reducedShape(x.shape, axes, keepDims), { attributes: { axes, keepDims } });
  }

  private requireIndex(op: string, index: Tensor): void {
    if (index.dtype !== 'int32' || index.shape.length !== 1) {
      throw new ShapeError(op, [index.shape], `an int32 vector of indices is needed, not ${index.dtype}`);
    }
  }

  private requireColumns(op: string, x: Tensor, weight: FrozenWeight, columns: number): void {
    if (x.shape.length !== 2 || x.shape[1] !== columns) {
      throw new ShapeError(op, [x.shape, weight.shape], `the operand of ${weight.name} must be [N, ${columns}]`);
    }
  }

  private requireHead(op: string, hidden: Tensor, embedding: Matrix, temperature: Tensor): void {
    if (hidden.shape.length !== 2 || embedding.shape.length !== 2 || hidden.shape[1] !== embedding.shape[1]) {
      throw new ShapeError(op, [hidden.shape, embedding.shape], 'hidden [P, D] and embedding [V, D] are needed');
    }
    if (temperature.shape.length !== 0) throw new ShapeError(op, [temperature.shape], 'the temperature is a scalar');
  }

  private leaf(table: Map<string, T>, kind: 'input' | 'parameter', name: string, shape: Shape, dtype: DType): T {
    checkShape(kind, shape);
    const other = kind === 'input' ? this.parameters : this.inputs;
    if (other.has(name)) throw new ShapeError(kind, [shape], `${name} is an input and a parameter`);
    const known = table.get(name);
    if (known === undefined) {
      const tensor = this.makeLeaf(kind, name, shape, dtype);
      table.set(name, tensor);
      return tensor;
    }
    if (!sameShape(known.shape, shape) || known.dtype !== dtype) {
      throw new ShapeError(kind, [known.shape, shape], `${name} is declared twice and differently`);
    }
    return known;
  }

  private scalar(value: number): T {
    let tensor = this.scalars.get(value);
    if (tensor === undefined) {
      tensor = this.makeConstant(Float32Array.of(value), [], 'float32');
      this.scalars.set(value, tensor);
    }
    return tensor;
  }

  private operand(value: Operand, dtype: DType = 'float32'): T {
    if (typeof value !== 'number') return value as T;
    return dtype === 'int32' ? this.constant([value], [], 'int32') : this.scalar(value);
  }
}
