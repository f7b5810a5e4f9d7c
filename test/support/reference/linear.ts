import { ShapeError } from '../../../models/ops.ts';
import { expectType } from './elementwise.ts';
import { checkRow, gatherRows, largest, softmaxRow, total } from './structure.ts';
import { makeValue, sizeOf, type Value } from './values.ts';

/** A matrix that is multiplied with, whether frozen or not. */
export interface MatrixValue {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function matMul(op: string, a: Value, b: Value): Value {
  const shapes = [a.shape, b.shape];
  expectType(op, [a, b], 'float32');
  const rank = a.shape.length;
  if (rank < 2 || b.shape.length !== rank)
    throw new ShapeError(op, shapes, 'both must have the same rank of at least 2');
  const leading = a.shape.slice(0, -2);
  if (leading.some((dimension, axis) => dimension !== b.shape[axis])) {
    throw new ShapeError(op, shapes, 'the leading dimensions differ');
  }
  const [rows, inner] = a.shape.slice(-2);
  const [innerOfB, columns] = b.shape.slice(-2);
  if (inner !== innerOfB) throw new ShapeError(op, shapes, `the inner dimensions ${inner} and ${innerOfB} differ`);
  const data = new Float64Array(sizeOf(leading) * rows * columns);
  for (let entry = 0; entry < data.length; entry++) {
    const column = entry % columns;
    const row = Math.floor(entry / columns);
    const batch = Math.floor(row / rows);
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a.data[row * inner + k] * b.data[(batch * inner + k) * columns + column];
    data[entry] = sum;
  }
  return makeValue([...leading, rows, columns], data);
}

/** x [N, in] · weightᵀ [in, out]. */
export function frozenLinear(op: string, x: Value, weight: MatrixValue): Value {
  expectWidth(op, x, weight, 1);
  const [rows, inner] = x.shape;
  const [columns] = weight.shape;
  const data = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += x.data[row * inner + k] * weight.data[column * inner + k];
      data[row * columns + column] = sum;
    }
  }
  return makeValue([rows, columns], data);
}

/** y [N, out] · weight [out, in]. */
export function frozenLinearAdjoint(op: string, y: Value, weight: MatrixValue): Value {
  expectWidth(op, y, weight, 0);
  return matMul(op, y, makeValue(weight.shape, weight.data));
}

export function embedding(op: string, matrix: MatrixValue, ids: Value): Value {
  return gatherRows(op, makeValue(matrix.shape, matrix.data), ids);
}

/** log softmax(h Eᵀ / temperature) at `target`. */
export function tokenLogProbability(
  op: string,
  hidden: Value,
  matrix: MatrixValue,
  target: Value,
  temperature: Value,
): Value {
  const shapes = [hidden.shape, matrix.shape, target.shape, temperature.shape];
  if (target.shape.length !== 1 || target.shape[0] !== hidden.shape[0]) {
    throw new ShapeError(op, shapes, 'there must be one target for every row');
  }
  if (target.dtype !== 'int32') throw new ShapeError(op, shapes, `the target is ${target.dtype}, not int32`);
  const rows = logitRows(op, shapes, hidden, matrix, temperature);
  return makeValue(
    target.shape,
    Float64Array.from(rows, (logits, position) => {
      const id = target.data[position];
      checkRow(op, id, matrix.shape[0]);
      const peak = largest(logits);
      return logits[id] - peak - Math.log(total(logits.map((logit) => Math.exp(logit - peak))));
    }),
  );
}

/** −Σ p log p of softmax(h Eᵀ / temperature). */
export function tokenEntropy(op: string, hidden: Value, matrix: MatrixValue, temperature: Value): Value {
  const rows = logitRows(op, [hidden.shape, matrix.shape, temperature.shape], hidden, matrix, temperature);
  return makeValue(
    [hidden.shape[0]],
    Float64Array.from(rows, (logits) => -total(softmaxRow(logits).map((p) => (p > 0 ? p * Math.log(p) : 0)))),
  );
}

/** The rows of h Eᵀ / temperature. */
function logitRows(
  op: string,
  shapes: readonly (readonly number[])[],
  hidden: Value,
  matrix: MatrixValue,
  temperature: Value,
): Float64Array[] {
  expectType(op, [hidden, temperature], 'float32');
  if (hidden.shape.length !== 2 || matrix.shape.length !== 2 || hidden.shape[1] !== matrix.shape[1]) {
    throw new ShapeError(op, shapes, 'hidden and embedding must be matrices of one width');
  }
  if (temperature.shape.length !== 0) throw new ShapeError(op, shapes, 'the temperature must be a scalar');
  const vocabulary = matrix.shape[0];
  const logits = frozenLinear(op, hidden, matrix).data.map((logit) => logit / temperature.data[0]);
  return Array.from({ length: hidden.shape[0] }, (_, row) => logits.subarray(row * vocabulary, (row + 1) * vocabulary));
}

/** x / √(mean(x²) + ε) · gain over the last axis. */
export function rmsNorm(op: string, x: Value, gain: Value, epsilon: number): Value {
  expectType(op, [x, gain], 'float32');
  const width = x.shape[1];
  if (x.shape.length !== 2 || gain.shape.length !== 1 || gain.shape[0] !== width) {
    throw new ShapeError(op, [x.shape, gain.shape], 'x must be a matrix and the gain as long as its rows');
  }
  return makeValue(
    x.shape,
    x.data.map((entry, position) => {
      const start = position - (position % width);
      const meanSquare = total(x.data.subarray(start, start + width).map((other) => other * other)) / width;
      return (entry / Math.sqrt(meanSquare + epsilon)) * gain.data[position % width];
    }),
  );
}

/** (x − mean(x)) / √(variance(x) + ε) · gain + bias over the last axis. */
export function layerNorm(
  op: string,
  x: Value,
  { gain, bias }: { readonly gain: Value; readonly bias: Value },
  epsilon: number,
): Value {
  expectType(op, [x, gain, bias], 'float32');
  const width = x.shape[1];
  if (x.shape.length !== 2 || [gain, bias].some(({ shape }) => shape.length !== 1 || shape[0] !== width)) {
    const shapes = [x.shape, gain.shape, bias.shape];
    throw new ShapeError(op, shapes, 'x must be a matrix, gain and bias as long as its rows');
  }
  return makeValue(
    x.shape,
    x.data.map((entry, position) => {
      const start = position - (position % width);
      const row = x.data.subarray(start, start + width);
      const mean = total(row) / width;
      const variance = total(row.map((other) => (other - mean) ** 2)) / width;
      const normal = (entry - mean) / Math.sqrt(variance + epsilon);
      return normal * gain.data[position % width] + bias.data[position % width];
    }),
  );
}

/** (x₁, x₂) → (x₁ cos − x₂ sin, x₂ cos + x₁ sin) of the halves x₁ and x₂ of the last axis. */
export function rotary(op: string, x: Value, cos: Value, sin: Value): Value {
  const shapes = [x.shape, cos.shape, sin.shape];
  expectType(op, [x, cos, sin], 'float32');
  if (x.shape.length !== 4 || x.shape[3] % 2 !== 0)
    throw new ShapeError(op, shapes, 'x must be [B, H, T, E] with an even E');
  const [batch, heads, time, width] = x.shape;
  const half = width / 2;
  for (const { shape } of [cos, sin]) {
    if (shape.join() !== [batch, 1, time, half].join()) {
      throw new ShapeError(op, shapes, `cos and sin must be [${[batch, 1, time, half].join(', ')}]`);
    }
  }
  const data = new Float64Array(x.data.length);
  for (let entry = 0; entry < data.length; entry++) {
    const along = entry % width;
    const row = Math.floor(entry / width);
    const angle = (Math.floor(row / (heads * time)) * time + (row % time)) * half + (along % half);
    const partner = along < half ? -x.data[entry + half] : x.data[entry - half];
    data[entry] = x.data[entry] * cos.data[angle] + partner * sin.data[angle];
  }
  return makeValue(x.shape, data);
}

/** Throws unless `x` is a matrix as wide as the given axis of the weight. */
function expectWidth(op: string, x: Value, weight: MatrixValue, axis: 0 | 1): void {
  expectType(op, [x], 'float32');
  if (x.shape.length !== 2 || x.shape[1] !== weight.shape[axis]) {
    throw new ShapeError(op, [x.shape, weight.shape], `the rows must have ${weight.shape[axis]} entries`);
  }
}
