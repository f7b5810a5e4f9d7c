import type { DType, Shape, Tensor } from '../../../models/ops.ts';
import { ShapeError } from '../../../models/ops.ts';

/** Numbers of a given shape, in row-major order. */
export interface Feed {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** A tensor of the reference: int32 and bool (0 or 1) are kept in Float64 too, which holds both exactly. */
export interface Value extends Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function makeValue(shape: readonly number[], data: Float64Array, dtype: DType = 'float32'): Value {
  if (data.length !== sizeOf(shape)) throw new Error(`${data.length} numbers for the shape [${shape.join(', ')}].`);
  return { shape, dtype, data };
}

/** The number of entries of a tensor of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** How far apart two neighbours along each axis lie in row-major order. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** NumPy's broadcast of several shapes. Throws a ShapeError in the name of `op`. */
export function broadcastShape(op: string, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result = 1;
    for (const shape of shapes) {
      const own = axis - (rank - shape.length);
      const dimension = own < 0 ? 1 : shape[own];
      if (dimension === 1 || dimension === result) continue;
      if (result !== 1) throw new ShapeError(op, shapes, `axis ${axis} is ${result} and ${dimension}`);
      result = dimension;
    }
    return result;
  });
}

/**
 * For every entry of a tensor of shape `shape`, in order, the offset of the entry that it reads from a tensor whose
 * neighbours along the same axes lie `strides` apart (0 where an axis is broadcast).
 */
export function offsetsOf(shape: readonly number[], strides: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let entry = 0; entry < offsets.length; entry++) {
    offsets[entry] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      offset += strides[axis];
      if (index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return offsets;
}

/** The entries of `value` as they appear when it is broadcast to `shape`, which it must fit. */
export function broadcastData(value: Value, shape: readonly number[]): Float64Array {
  const strides = stridesOf(value.shape);
  const missing = shape.length - value.shape.length;
  const reading = shape.map((_, axis) => {
    const own = axis - missing;
    return own < 0 || value.shape[own] === 1 ? 0 : strides[own];
  });
  return pick(value.data, offsetsOf(shape, reading));
}

export function pick(data: Float64Array, offsets: Int32Array): Float64Array {
  return Float64Array.from(offsets, (offset) => data[offset]);
}

/** The axis counted from the front; a negative one counts from the back. Throws a ShapeError where there is none. */
export function axisOf(op: string, shape: Shape, axis: number): number {
  const result = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(result) && result >= 0 && result < shape.length) return result;
  throw new ShapeError(op, [shape], `there is no axis ${axis}`);
}

/** Throws a ShapeError unless every dimension is a positive integer and there are at most four. */
export function checkShape(op: string, shape: Shape): void {
  if (shape.length > 4) throw new ShapeError(op, [shape], `rank ${shape.length}, at most 4 is allowed`);
  for (const dimension of shape) {
    if (typeof dimension === 'string') continue;
    if (!Number.isInteger(dimension) || dimension < 1) {
      throw new ShapeError(op, [shape], `the dimension ${dimension} is not a positive integer`);
    }
  }
}
