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
} from '../../../models/ops.ts';
import { type GraphTensor, type Operand, Recorder } from './recorder.ts';
import {
  broadcastShape,
  concatShape,
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

/** The OpBuilder that records: each method checks its operands and infers the shape of its result. */
export class GraphBuilder extends Recorder implements OpBuilder {
  add(a: Tensor, b: Operand): GraphTensor {
    return this.binary('add', a, b);
  }
  sub(a: Operand, b: Operand): GraphTensor {
    return this.binary('sub', a, b);
  }
  mul(a: Tensor, b: Operand): GraphTensor {
    return this.binary('mul', a, b);
  }
  div(a: Operand, b: Operand): GraphTensor {
    return this.binary('div', a, b);
  }
  maximum(a: Tensor, b: Operand): GraphTensor {
    return this.binary('maximum', a, b);
  }
  minimum(a: Tensor, b: Operand): GraphTensor {
    return this.binary('minimum', a, b);
  }

  neg(x: Tensor): GraphTensor {
    return this.unary('neg', x);
  }
  exp(x: Tensor): GraphTensor {
    return this.unary('exp', x);
  }
  log(x: Tensor): GraphTensor {
    return this.unary('log', x);
  }
  sqrt(x: Tensor): GraphTensor {
    return this.unary('sqrt', x);
  }
  square(x: Tensor): GraphTensor {
    return this.unary('square', x);
  }
  sigmoid(x: Tensor): GraphTensor {
    return this.unary('sigmoid', x);
  }
  tanh(x: Tensor): GraphTensor {
    return this.unary('tanh', x);
  }
  softplus(x: Tensor): GraphTensor {
    return this.unary('softplus', x);
  }
  silu(x: Tensor): GraphTensor {
    return this.unary('silu', x);
  }

  less(a: Tensor, b: Operand): GraphTensor {
    return this.binary('less', a, b, 'bool');
  }
  greaterEqual(a: Tensor, b: Operand): GraphTensor {
    return this.binary('greaterEqual', a, b, 'bool');
  }
  equal(a: Tensor, b: Operand): GraphTensor {
    return this.binary('equal', a, b, 'bool');
  }
  and(a: Tensor, b: Tensor): GraphTensor {
    if (a.dtype !== 'bool' || b.dtype !== 'bool') throw new ShapeError('and', [a.shape, b.shape], 'both must be bool');
    return this.record('and', [a, b], broadcastShape('and', a.shape, b.shape), { dtype: 'bool' });
  }
  toFloat(x: Tensor): GraphTensor {
    if (x.dtype === 'float32') throw new ShapeError('toFloat', [x.shape], 'it is float32 already');
    return this.record('toFloat', [x], x.shape);
  }
  where(condition: Tensor, a: Operand, b: Operand): GraphTensor {
    if (condition.dtype !== 'bool') throw new ShapeError('where', [condition.shape], 'the condition must be bool');
    const [left, right] = [this.operand(a), this.operand(b)];
    if (left.dtype !== 'float32' || right.dtype !== 'float32') {
      throw new ShapeError('where', [condition.shape, left.shape, right.shape], 'both sides must be float32');
    }
    const values = broadcastShape('where', left.shape, right.shape);
    return this.record('where', [condition, left, right], broadcastShape('where', condition.shape, values));
  }

  sum(x: Tensor, options?: ReduceOptions): GraphTensor {
    return this.reduce('sum', x, options);
  }
  mean(x: Tensor, options?: ReduceOptions): GraphTensor {
    return this.reduce('mean', x, options);
  }
  max(x: Tensor, options?: ReduceOptions): GraphTensor {
    return this.reduce('max', x, options);
  }
  softmax(x: Tensor): GraphTensor {
    if (x.shape.length === 0) throw new ShapeError('softmax', [x.shape], 'a scalar has no last axis');
    return this.unary('softmax', x);
  }

  reshape(x: Tensor, shape: Shape): GraphTensor {
    return this.record('reshape', [x], reshapeShape(x.shape, shape), { dtype: x.dtype });
  }
  transpose(x: Tensor, permutation: readonly number[]): GraphTensor {
    const shape = transposeShape(x.shape, permutation);
    return this.record('transpose', [x], shape, { dtype: x.dtype, attributes: { permutation } });
  }
  broadcastTo(x: Tensor, shape: readonly number[]): GraphTensor {
    const result = broadcastShape('broadcastTo', x.shape, shape);
    if (!sameShape(result, shape)) throw new ShapeError('broadcastTo', [x.shape, shape], 'the result would be larger');
    return this.record('broadcastTo', [x], shape, { dtype: x.dtype });
  }
  slice(x: Tensor, axis: number, start: number, end?: number): GraphTensor {
    const at = normaliseAxis('slice', x.shape, axis);
    const [from, to] = sliceRange(x.shape, at, start, end);
    const shape = x.shape.map((dimension, k) => (k === at ? to - from : dimension));
    return this.record('slice', [x], shape, { dtype: x.dtype, attributes: { axis: at, start: from, end: to } });
  }
  concat(parts: readonly Tensor[], axis: number): GraphTensor {
    const shapes = parts.map((part) => part.shape);
    const shape = concatShape(shapes, axis);
    const at = normaliseAxis('concat', shape, axis);
    if (parts.some((part) => part.dtype !== parts[0].dtype)) throw new ShapeError('concat', shapes, 'types differ');
    return this.record('concat', parts, shape, { dtype: parts[0].dtype, attributes: { axis: at } });
  }
  gatherRows(x: Tensor, index: Tensor): GraphTensor {
    requireRank('gatherRows', x.shape, 2);
    this.requireIndex('gatherRows', index);
    return this.record('gatherRows', [x, index], [index.shape[0], x.shape[1]], { dtype: x.dtype });
  }
  scatterAddRows(updates: Tensor, index: Tensor, rows: number): GraphTensor {
    requireRank('scatterAddRows', updates.shape, 2);
    this.requireIndex('scatterAddRows', index);
    if (updates.shape[0] !== index.shape[0]) {
      throw new ShapeError('scatterAddRows', [updates.shape, index.shape], 'one index a row is needed');
    }
    return this.record('scatterAddRows', [updates, index], [rows, updates.shape[1]], { attributes: { rows } });
  }

  matMul(a: Tensor, b: Tensor): GraphTensor {
    return this.record('matMul', [a, b], matMulShape(a.shape, b.shape));
  }
  frozenLinear(x: Tensor, weight: FrozenWeight): GraphTensor {
    const [rows, columns] = weight.shape;
    this.requireColumns('frozenLinear', x, weight, columns);
    return this.record('frozenLinear', [x], [x.shape[0], rows], { weight });
  }
  frozenLinearAdjoint(y: Tensor, weight: FrozenWeight): GraphTensor {
    const [rows, columns] = weight.shape;
    this.requireColumns('frozenLinearAdjoint', y, weight, rows);
    return this.record('frozenLinearAdjoint', [y], [y.shape[0], columns], { weight });
  }
  embedding(embedding: Matrix, ids: Tensor): GraphTensor {
    requireRank('embedding', embedding.shape, 2);
    this.requireIndex('embedding', ids);
    if (!isFrozen(embedding)) return this.gatherRows(embedding, ids);
    return this.record('embedding', [ids], [ids.shape[0], embedding.shape[1]], { weight: embedding });
  }

  rmsNorm(x: Tensor, gain: Tensor, epsilon: number): GraphTensor {
    requireRank('rmsNorm', x.shape, 2);
    if (!sameShape(gain.shape, [x.shape[1]])) {
      throw new ShapeError('rmsNorm', [x.shape, gain.shape], `the gain must be [${x.shape[1]}]`);
    }
    return this.record('rmsNorm', [x, gain], x.shape, { attributes: { epsilon } });
  }
  rotary(x: Tensor, cos: Tensor, sin: Tensor): GraphTensor {
    requireRank('rotary', x.shape, 4);
    const [batch, , time, width] = x.shape;
    const angles: Shape = [batch, 1, time, typeof width === 'number' ? width / 2 : width];
    if (!sameShape(cos.shape, angles) || !sameShape(sin.shape, angles)) {
      throw new ShapeError('rotary', [x.shape, cos.shape, sin.shape], `cos and sin must be [${angles.join(', ')}]`);
    }
    return this.record('rotary', [x, cos, sin], x.shape);
  }
  tokenLogProbability(hidden: Tensor, embedding: Matrix, target: Tensor, temperature: Tensor): GraphTensor {
    this.requireHead('tokenLogProbability', hidden, embedding, temperature);
    this.requireIndex('tokenLogProbability', target);
    if (hidden.shape[0] !== target.shape[0]) {
      throw new ShapeError('tokenLogProbability', [hidden.shape, target.shape], 'one target a row is needed');
    }
    return this.overVocabulary('tokenLogProbability', [hidden, target, temperature], embedding, [hidden.shape[0]]);
  }
  tokenEntropy(hidden: Tensor, embedding: Matrix, temperature: Tensor): GraphTensor {
    this.requireHead('tokenEntropy', hidden, embedding, temperature);
    return this.overVocabulary('tokenEntropy', [hidden, temperature], embedding, [hidden.shape[0]]);
  }

  stopGradient(x: Tensor): GraphTensor {
    return this.record('stopGradient', [x], x.shape, { dtype: x.dtype });
  }
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

  /** The rows of logits work on chunks; `embedding` is a handle, or the last input where it is trained. */
  overVocabulary(op: string, inputs: readonly Tensor[], embedding: Matrix, shape: Shape): GraphTensor {
    if (isFrozen(embedding)) return this.record(op, inputs, shape, { weight: embedding });
    return this.record(op, [...inputs, embedding], shape);
  }

  private binary(op: string, a: Operand, b: Operand, dtype?: DType): GraphTensor {
    const type = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
    const [left, right] = [this.operand(a, type), this.operand(b, type)];
    if (left.dtype !== right.dtype || left.dtype === 'bool') {
      throw new ShapeError(op, [left.shape, right.shape], `types ${left.dtype} and ${right.dtype} do not go together`);
    }
    return this.record(op, [left, right], broadcastShape(op, left.shape, right.shape), { dtype: dtype ?? type });
  }

  private unary(op: string, x: Tensor): GraphTensor {
    if (x.dtype !== 'float32') throw new ShapeError(op, [x.shape], `float32 is needed, not ${x.dtype}`);
    return this.record(op, [x], x.shape);
  }

  private reduce(op: string, x: Tensor, options: ReduceOptions = {}): GraphTensor {
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
}
