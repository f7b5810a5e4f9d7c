import type { DType, FrozenWeight, Matrix, OpBuilder, ReduceOptions, Shape, Tensor } from '../../../models/ops.ts';
import { isFrozen, ShapeError } from '../../../models/ops.ts';
import { binary, both, choose, compare, expectType, sigmoid, softplus, unary } from './elementwise.ts';
import * as linear from './linear.ts';
import * as structure from './structure.ts';
import { checkShape, type Feed, makeValue, sizeOf, type Value } from './values.ts';

/** What a build asked to be fed. */
export interface Leaf {
  readonly kind: 'input' | 'parameter' | 'weight';
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface ReferenceOptions {
  /**
   * Values that `stopGradient` returns instead of its operand's, in the order of the calls: those of the base point,
   * so that a central difference sees them stand still.
   */
  readonly stopped?: readonly Float64Array[];
}

/** The numbers of a tensor that a ReferenceBuilder made. */
export function valueOf(tensor: Tensor): Value {
  if (!('data' in tensor && tensor.data instanceof Float64Array)) throw new Error('Not a tensor of the reference.');
  return tensor as Value;
}

/** Computes every operation at once in Float64: forward only, written for clarity, never for speed. */
export class ReferenceBuilder implements OpBuilder {
  /** Every leaf that was asked for, by name. */
  readonly leaves = new Map<string, Leaf>();
  /** What `stopGradient` returned, in the order of the calls. */
  readonly stopped: Float64Array[] = [];
  readonly #feeds: Readonly<Record<string, Feed>>;
  readonly #replay: readonly Float64Array[] | undefined;

  constructor(feeds: Readonly<Record<string, Feed>>, options: ReferenceOptions = {}) {
    this.#feeds = feeds;
    this.#replay = options.stopped;
  }

  input(name: string, shape: Shape, dtype: DType = 'float32'): Tensor {
    return this.#leaf('input', name, shape, dtype);
  }

  parameter(name: string, shape: readonly number[]): Tensor {
    return this.#leaf('parameter', name, shape, 'float32');
  }

  weight(name: string, shape: readonly [number, number]): FrozenWeight {
    if (shape.length !== 2) throw new ShapeError('weight', [shape], `"${name}" must be a matrix`);
    this.#leaf('weight', name, shape, 'float32');
    return { frozen: true, name, shape };
  }

  constant(values: number | readonly number[], shape?: readonly number[], dtype: DType = 'float32'): Tensor {
    const list = typeof values === 'number' ? [values] : values;
    const own = shape ?? (typeof values === 'number' ? [] : [values.length]);
    checkShape('constant', own);
    if (list.length !== sizeOf(own)) throw new ShapeError('constant', [own], `${list.length} values were given`);
    return makeValue(own, Float64Array.from(list), dtype);
  }

  add(a: Tensor, b: Tensor | number): Tensor {
    return binary('add', operand(a), operand(b), (x, y) => x + y);
  }

  sub(a: Tensor | number, b: Tensor | number): Tensor {
    return binary('sub', operand(a), operand(b), (x, y) => x - y);
  }

  mul(a: Tensor, b: Tensor | number): Tensor {
    return binary('mul', operand(a), operand(b), (x, y) => x * y);
  }

  div(a: Tensor | number, b: Tensor | number): Tensor {
    const quotient = binary('div', operand(a), operand(b), (x, y) => x / y);
    expectType('div', [quotient], 'float32');
    return quotient;
  }

  maximum(a: Tensor, b: Tensor | number): Tensor {
    return binary('maximum', operand(a), operand(b), Math.max);
  }

  minimum(a: Tensor, b: Tensor | number): Tensor {
    return binary('minimum', operand(a), operand(b), Math.min);
  }

  neg(x: Tensor): Tensor {
    return unary('neg', valueOf(x), (entry) => -entry);
  }

  exp(x: Tensor): Tensor {
    return unary('exp', valueOf(x), Math.exp);
  }

  log(x: Tensor): Tensor {
    return unary('log', valueOf(x), Math.log);
  }

  sqrt(x: Tensor): Tensor {
    return unary('sqrt', valueOf(x), Math.sqrt);
  }

  square(x: Tensor): Tensor {
    return unary('square', valueOf(x), (entry) => entry * entry);
  }

  sigmoid(x: Tensor): Tensor {
    return unary('sigmoid', valueOf(x), sigmoid);
  }

  tanh(x: Tensor): Tensor {
    return unary('tanh', valueOf(x), Math.tanh);
  }

  softplus(x: Tensor): Tensor {
    return unary('softplus', valueOf(x), softplus);
  }

  silu(x: Tensor): Tensor {
    return unary('silu', valueOf(x), (entry) => entry * sigmoid(entry));
  }

  gelu(x: Tensor): Tensor {
    const inner = (entry: number) => Math.sqrt(2 / Math.PI) * (entry + 0.044715 * entry ** 3);
    return unary('gelu', valueOf(x), (entry) => 0.5 * entry * (1 + Math.tanh(inner(entry))));
  }

  less(a: Tensor, b: Tensor | number): Tensor {
    return compare('less', valueOf(a), operand(b), (x, y) => x < y);
  }

  greaterEqual(a: Tensor, b: Tensor | number): Tensor {
    return compare('greaterEqual', valueOf(a), operand(b), (x, y) => x >= y);
  }

  equal(a: Tensor, b: Tensor | number): Tensor {
    return compare('equal', valueOf(a), operand(b), (x, y) => x === y);
  }

  and(a: Tensor, b: Tensor): Tensor {
    return both('and', valueOf(a), valueOf(b));
  }

  toFloat(x: Tensor): Tensor {
    const { shape, data, dtype } = valueOf(x);
    if (dtype === 'float32') throw new ShapeError('toFloat', [shape], 'it is float32 already');
    return makeValue(shape, data);
  }

  where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
    return choose('where', valueOf(condition), operand(a), operand(b));
  }

  sum(x: Tensor, options: ReduceOptions = {}): Tensor {
    return structure.reduce('sum', valueOf(x), options, structure.total);
  }

  mean(x: Tensor, options: ReduceOptions = {}): Tensor {
    return structure.reduce('mean', valueOf(x), options, (entries) => structure.total(entries) / entries.length);
  }

  max(x: Tensor, options: ReduceOptions = {}): Tensor {
    return structure.reduce('max', valueOf(x), options, structure.largest);
  }

  softmax(x: Tensor): Tensor {
    return structure.softmax('softmax', valueOf(x));
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    return structure.reshape('reshape', valueOf(x), shape);
  }

  transpose(x: Tensor, permutation: readonly number[]): Tensor {
    return structure.transpose('transpose', valueOf(x), permutation);
  }

  broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
    return structure.broadcastTo('broadcastTo', valueOf(x), shape);
  }

  slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
    return structure.slice('slice', valueOf(x), axis, start, end);
  }

  concat(parts: readonly Tensor[], axis: number): Tensor {
    return structure.concat('concat', parts.map(valueOf), axis);
  }

  gatherRows(x: Tensor, index: Tensor): Tensor {
    return structure.gatherRows('gatherRows', valueOf(x), valueOf(index));
  }

  scatterAddRows(updates: Tensor, index: Tensor, rows: number): Tensor {
    return structure.scatterAddRows('scatterAddRows', valueOf(updates), valueOf(index), rows);
  }

  matMul(a: Tensor, b: Tensor): Tensor {
    return linear.matMul('matMul', valueOf(a), valueOf(b));
  }

  frozenLinear(x: Tensor, weight: FrozenWeight): Tensor {
    return linear.frozenLinear('frozenLinear', valueOf(x), this.#matrix(weight));
  }

  frozenLinearAdjoint(y: Tensor, weight: FrozenWeight): Tensor {
    return linear.frozenLinearAdjoint('frozenLinearAdjoint', valueOf(y), this.#matrix(weight));
  }

  embedding(embedding: Matrix, ids: Tensor): Tensor {
    return linear.embedding('embedding', this.#matrix(embedding), valueOf(ids));
  }

  rmsNorm(x: Tensor, gain: Tensor, epsilon: number): Tensor {
    return linear.rmsNorm('rmsNorm', valueOf(x), valueOf(gain), epsilon);
  }

  layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor {
    return linear.layerNorm('layerNorm', valueOf(x), { gain: valueOf(gain), bias: valueOf(bias) }, epsilon);
  }

  rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
    return linear.rotary('rotary', valueOf(x), valueOf(cos), valueOf(sin));
  }

  tokenLogProbability(hidden: Tensor, embedding: Matrix, target: Tensor, temperature: Tensor): Tensor {
    const fixed = valueOf(this.stopGradient(temperature));
    return linear.tokenLogProbability(
      'tokenLogProbability',
      valueOf(hidden),
      this.#matrix(embedding),
      valueOf(target),
      fixed,
    );
  }

  tokenEntropy(hidden: Tensor, embedding: Matrix, temperature: Tensor): Tensor {
    const fixed = valueOf(this.stopGradient(temperature));
    return linear.tokenEntropy('tokenEntropy', valueOf(hidden), this.#matrix(embedding), fixed);
  }

  stopGradient(x: Tensor): Tensor {
    const { shape, data, dtype } = valueOf(x);
    if (this.#replay !== undefined && this.stopped.length >= this.#replay.length) {
      throw new Error(`stopGradient was called more than ${this.#replay.length} times, as often as at the base point.`);
    }
    const value = this.#replay?.[this.stopped.length] ?? data;
    this.stopped.push(value);
    return makeValue(shape, value, dtype);
  }

  segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
    return fn(...inputs);
  }

  /** The fed value of a leaf; a name in its shape stands for whatever was fed. */
  #leaf(kind: Leaf['kind'], name: string, shape: Shape, dtype: DType): Value {
    checkShape(kind, shape);
    const feed = this.#feeds[name];
    if (feed === undefined) throw new Error(`The ${kind} "${name}" is not fed.`);
    const fits =
      feed.shape.length === shape.length &&
      shape.every((dimension, axis) => typeof dimension === 'string' || dimension === feed.shape[axis]);
    if (!fits) throw new ShapeError(kind, [shape, feed.shape], `"${name}" is fed with another shape`);
    const known = this.leaves.get(name);
    if (known !== undefined && (known.kind !== kind || known.dtype !== dtype)) {
      throw new ShapeError(kind, [shape], `"${name}" is already a ${known.dtype} ${known.kind}`);
    }
    this.leaves.set(name, { kind, shape: feed.shape, dtype });
    return makeValue(feed.shape, Float64Array.from(feed.data), dtype);
  }

  #matrix(matrix: Matrix): linear.MatrixValue {
    if (!isFrozen(matrix)) return valueOf(matrix);
    return { shape: matrix.shape, data: Float64Array.from(this.#feeds[matrix.name].data) };
  }
}

function operand(x: Tensor | number): Value | number {
  return typeof x === 'number' ? x : valueOf(x);
}
