import type { ReduceOptions, Shape } from '../../../models/ops.ts';
import { ShapeError } from '../../../models/ops.ts';
import { expectType } from './elementwise.ts';
import type { Value } from './values.ts';
import {
  axisOf,
  broadcastData,
  broadcastShape,
  checkShape,
  makeValue,
  offsetsOf,
  pick,
  sizeOf,
  stridesOf,
} from './values.ts';

/** `summarise` of the entries along the reduced axes, for every entry of the result. */
export function reduce(
  op: string,
  x: Value,
  options: ReduceOptions,
  summarise: (entries: Float64Array) => number,
): Value {
  expectType(op, [x], 'float32');
  const axes = options.axes?.map((axis) => axisOf(op, x.shape, axis)) ?? x.shape.map((_, axis) => axis);
  if (new Set(axes).size < axes.length) throw new ShapeError(op, [x.shape], `the axes [${axes.join(', ')}] repeat`);
  const strides = stridesOf(x.shape);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const inner = offsetsOf(
    axes.map((axis) => x.shape[axis]),
    axes.map((axis) => strides[axis]),
  );
  const outer = offsetsOf(
    kept.map((axis) => x.shape[axis]),
    kept.map((axis) => strides[axis]),
  );
  const data = Float64Array.from(outer, (start) =>
    summarise(
      pick(
        x.data,
        inner.map((offset) => start + offset),
      ),
    ),
  );
  const shape = options.keepDims
    ? x.shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension))
    : kept.map((axis) => x.shape[axis]);
  return makeValue(shape, data);
}

export function total(entries: Float64Array): number {
  return entries.reduce((sum, entry) => sum + entry, 0);
}

export function largest(entries: Float64Array): number {
  return entries.reduce((most, entry) => Math.max(most, entry), Number.NEGATIVE_INFINITY);
}

export function softmax(op: string, x: Value): Value {
  expectType(op, [x], 'float32');
  if (x.shape.length === 0) throw new ShapeError(op, [x.shape], 'a scalar has no last axis');
  const width = x.shape[x.shape.length - 1];
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width)
    data.set(softmaxRow(x.data.subarray(start, start + width)), start);
  return makeValue(x.shape, data);
}

export function softmaxRow(logits: Float64Array): Float64Array {
  const peak = largest(logits);
  const exponentials = logits.map((logit) => Math.exp(logit - peak));
  const denominator = total(exponentials);
  return exponentials.map((exponential) => exponential / denominator);
}

export function reshape(op: string, x: Value, shape: Shape): Value {
  checkShape(op, shape);
  const known = shape.filter((dimension) => typeof dimension === 'number');
  const missing = x.data.length / sizeOf(known);
  const named = shape.length - known.length;
  if (named > 1) throw new ShapeError(op, [x.shape, shape], 'more than one dimension is a name');
  if (named === 0 ? missing !== 1 : !Number.isInteger(missing)) {
    throw new ShapeError(op, [x.shape, shape], `${x.data.length} entries do not fill ${sizeOf(known)}`);
  }
  return makeValue(
    shape.map((dimension) => (typeof dimension === 'string' ? missing : dimension)),
    x.data,
    x.dtype,
  );
}

export function transpose(op: string, x: Value, permutation: readonly number[]): Value {
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.length !== x.shape.length || sorted.some((axis, position) => axis !== position)) {
    throw new ShapeError(op, [x.shape], `[${permutation.join(', ')}] is not a permutation of its axes`);
  }
  const strides = stridesOf(x.shape);
  const shape = permutation.map((axis) => x.shape[axis]);
  return makeValue(
    shape,
    pick(
      x.data,
      offsetsOf(
        shape,
        permutation.map((axis) => strides[axis]),
      ),
    ),
    x.dtype,
  );
}

export function broadcastTo(op: string, x: Value, shape: readonly number[]): Value {
  checkShape(op, shape);
  const joint = broadcastShape(op, [x.shape, shape]);
  if (joint.length !== shape.length || joint.some((dimension, axis) => dimension !== shape[axis])) {
    throw new ShapeError(op, [x.shape, shape], 'the tensor is larger than the shape');
  }
  return makeValue(shape, broadcastData(x, shape), x.dtype);
}

export function slice(op: string, x: Value, along: number, from: number, end?: number): Value {
  const axis = axisOf(op, x.shape, along);
  const length = x.shape[axis];
  const start = from < 0 ? length + from : from;
  const stop = end === undefined ? length : end < 0 ? length + end : end;
  if (!Number.isInteger(start) || !Number.isInteger(stop) || start < 0 || stop <= start || stop > length) {
    throw new ShapeError(op, [x.shape], `${from} to ${end ?? 'the end'} is no stretch of axis ${axis}`);
  }
  const strides = stridesOf(x.shape);
  const shape = x.shape.map((dimension, other) => (other === axis ? stop - start : dimension));
  const offsets = offsetsOf(shape, strides).map((offset) => offset + start * strides[axis]);
  return makeValue(shape, pick(x.data, offsets), x.dtype);
}

export function concat(op: string, parts: readonly Value[], along: number): Value {
  const shapes = parts.map(({ shape }) => shape);
  if (parts.length === 0) throw new ShapeError(op, shapes, 'there is nothing to join');
  const [first] = parts;
  const axis = axisOf(op, first.shape, along);
  expectType(op, parts, first.dtype);
  for (const { shape } of parts) {
    const fits =
      shape.length === first.shape.length && shape.every((d, other) => other === axis || d === first.shape[other]);
    if (!fits) throw new ShapeError(op, shapes, `the shapes differ off axis ${axis}`);
  }
  const shape = first.shape.map((d, other) => (other === axis ? shapes.reduce((sum, own) => sum + own[axis], 0) : d));
  const data = new Float64Array(sizeOf(shape));
  const strides = stridesOf(shape);
  let position = 0;
  for (const part of parts) {
    const start = position * strides[axis];
    offsetsOf(part.shape, strides).forEach((offset, entry) => {
      data[start + offset] = part.data[entry];
    });
    position += part.shape[axis];
  }
  return makeValue(shape, data, first.dtype);
}

export function gatherRows(op: string, x: Value, index: Value): Value {
  checkRows(op, x, index);
  const [rows, width] = x.shape;
  const data = new Float64Array(index.data.length * width);
  index.data.forEach((row, position) => {
    checkRow(op, row, rows);
    data.set(x.data.subarray(row * width, (row + 1) * width), position * width);
  });
  return makeValue([index.shape[0], width], data, x.dtype);
}

export function scatterAddRows(op: string, updates: Value, index: Value, rows: number): Value {
  checkRows(op, updates, index);
  checkShape(op, [rows]);
  expectType(op, [updates], 'float32');
  if (index.shape[0] !== updates.shape[0]) {
    throw new ShapeError(op, [updates.shape, index.shape], 'there must be one index for every row');
  }
  const width = updates.shape[1];
  const data = new Float64Array(rows * width);
  updates.data.forEach((update, entry) => {
    const row = index.data[Math.floor(entry / width)];
    checkRow(op, row, rows);
    data[row * width + (entry % width)] += update;
  });
  return makeValue([rows, width], data);
}

function checkRows(op: string, x: Value, index: Value): void {
  const shapes = [x.shape, index.shape];
  if (x.shape.length !== 2) throw new ShapeError(op, shapes, 'the rows must be a matrix');
  if (index.shape.length !== 1) throw new ShapeError(op, shapes, 'the index must be a vector');
  if (index.dtype !== 'int32') throw new ShapeError(op, shapes, `the index is ${index.dtype}, not int32`);
}

export function checkRow(op: string, row: number, rows: number): void {
  if (!(row >= 0 && row < rows)) throw new RangeError(`${op}: the index ${row} is not one of 0 to ${rows - 1}.`);
}
