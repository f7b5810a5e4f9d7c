import type { DType } from '../../../models/ops.ts';
import { ShapeError } from '../../../models/ops.ts';
import { broadcastData, broadcastShape, makeValue, type Value } from './values.ts';

/** f of every entry. */
export function unary(op: string, x: Value, f: (x: number) => number): Value {
  expectType(op, [x], 'float32');
  return makeValue(x.shape, x.data.map(f));
}

/** f of the entries of two tensors, or of a tensor and a number, broadcast against each other. */
export function binary(op: string, a: Value | number, b: Value | number, f: (a: number, b: number) => number): Value {
  const [left, right] = operands(a, b);
  const { dtype } = left;
  if (dtype === 'bool' || dtype !== right.dtype) {
    throw new ShapeError(op, [left.shape, right.shape], `cannot compute with ${dtype} and ${right.dtype}`);
  }
  return zip(op, left, right, dtype, f);
}

/** A comparison of two tensors of one numeric type. */
export function compare(op: string, a: Value, b: Value | number, f: (a: number, b: number) => boolean): Value {
  const [left, right] = operands(a, b);
  if (left.dtype === 'bool' || left.dtype !== right.dtype) {
    throw new ShapeError(op, [left.shape, right.shape], `cannot compare ${left.dtype} with ${right.dtype}`);
  }
  return zip(op, left, right, 'bool', (x, y) => (f(x, y) ? 1 : 0));
}

export function both(op: string, a: Value, b: Value): Value {
  expectType(op, [a, b], 'bool');
  return zip(op, a, b, 'bool', (x, y) => x * y);
}

export function choose(op: string, condition: Value, a: Value | number, b: Value | number): Value {
  const [left, right] = operands(a, b);
  const shapes = [condition.shape, left.shape, right.shape];
  if (condition.dtype !== 'bool') throw new ShapeError(op, shapes, `the condition is ${condition.dtype}, not bool`);
  expectType(op, [left, right], 'float32');
  const shape = broadcastShape(op, shapes);
  const chosen = broadcastData(condition, shape);
  const yes = broadcastData(left, shape);
  const no = broadcastData(right, shape);
  return makeValue(
    shape,
    chosen.map((flag, entry) => (flag ? yes[entry] : no[entry])),
  );
}

export function expectType(op: string, values: readonly Value[], dtype: DType): void {
  for (const value of values) {
    if (value.dtype === dtype) continue;
    throw new ShapeError(
      op,
      values.map(({ shape }) => shape),
      `needs ${dtype}, got ${value.dtype}`,
    );
  }
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function zip(op: string, a: Value, b: Value, dtype: DType, f: (a: number, b: number) => number): Value {
  const shape = broadcastShape(op, [a.shape, b.shape]);
  const right = broadcastData(b, shape);
  return makeValue(
    shape,
    broadcastData(a, shape).map((x, entry) => f(x, right[entry])),
    dtype,
  );
}

/** A number takes the other operand's type; two numbers are float32. */
function operands(a: Value | number, b: Value | number): [Value, Value] {
  const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32';
  return [asValue(a, dtype), asValue(b, dtype)];
}

function asValue(x: Value | number, dtype: DType): Value {
  return typeof x === 'number' ? makeValue([], Float64Array.of(x), dtype) : x;
}
