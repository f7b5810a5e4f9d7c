import { type Dimension, type Shape, ShapeError } from '../../models/ops.ts';

/** The number of entries, or undefined where a dimension is a name. */
export function elementCount(shape: Shape): number | undefined {
  let count = 1;
  for (const dimension of shape) {
    if (typeof dimension === 'string') return undefined;
    count *= dimension;
  }
  return count;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** Throws a ShapeError unless there are at most four dimensions, each a name or a positive integer. */
export function checkShape(op: string, shape: Shape): void {
  if (shape.length > 4) throw new ShapeError(op, [shape], 'ranks above 4 are not used');
  const wrong = shape.find(
    (dimension) => typeof dimension === 'number' && !(Number.isInteger(dimension) && dimension > 0),
  );
  if (wrong !== undefined) throw new ShapeError(op, [shape], `the dimension ${wrong} is not a positive integer`);
}

/** NumPy's rule: align at the last axis; equal, or one of them 1. */
export function broadcastShape(op: string, a: Shape, b: Shape): Dimension[] {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(op, [a, b], `axis ${axis} of the result would be ${left} and ${right}`);
    }
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** A non-negative axis, or a ShapeError. */
export function normaliseAxis(op: string, shape: Shape, axis: number): number {
  const result = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(result) || result < 0 || result >= shape.length) {
    throw new ShapeError(op, [shape], `there is no axis ${axis}`);
  }
  return result;
}

export function reducedAxes(op: string, shape: Shape, axes: readonly number[] | undefined): number[] {
  const result = (axes ?? shape.map((_, axis) => axis)).map((axis) => normaliseAxis(op, shape, axis));
  if (new Set(result).size !== result.length) throw new ShapeError(op, [shape], `axes ${result.join(', ')} repeat`);
  return result.sort((a, b) => a - b);
}

export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Dimension[] {
  if (keepDims) return shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));
  return shape.filter((_, axis) => !axes.includes(axis));
}

export function matMulShape(a: Shape, b: Shape): Dimension[] {
  if (a.length < 2 || a.length !== b.length) {
    throw new ShapeError('matMul', [a, b], 'both operands need the same rank, at least 2');
  }
  const rank = a.length;
  if (a[rank - 1] !== b[rank - 2]) {
    throw new ShapeError('matMul', [a, b], `inner dimensions ${a[rank - 1]} and ${b[rank - 2]} differ`);
  }
  if (!sameShape(a.slice(0, -2), b.slice(0, -2))) {
    throw new ShapeError('matMul', [a, b], 'leading dimensions must be equal');
  }
  return [...a.slice(0, -1), b[rank - 1]];
}

export function reshapeShape(from: Shape, to: Shape): Shape {
  if (to.filter((dimension) => typeof dimension === 'string').length > 1) {
    throw new ShapeError('reshape', [from, to], 'at most one dimension of the result may be a name');
  }
  const before = elementCount(from);
  const after = elementCount(to);
  if (before !== after && before !== undefined && after !== undefined) {
    throw new ShapeError('reshape', [from, to], `${before} entries do not fill ${after}`);
  }
  if ((before === undefined) !== (after === undefined)) {
    throw new ShapeError('reshape', [from, to], 'a named dimension cannot appear or vanish');
  }
  return to;
}

export function sliceRange(shape: Shape, axis: number, start: number, end: number | undefined): [number, number] {
  const size = shape[axis];
  if (typeof size === 'string') throw new ShapeError('slice', [shape], `axis ${axis} has no fixed size`);
  const from = start < 0 ? start + size : start;
  const to = end === undefined ? size : end < 0 ? end + size : end;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > size || from >= to) {
    throw new ShapeError('slice', [shape], `entries ${start} to ${end ?? 'the end'} of axis ${axis} do not exist`);
  }
  return [from, to];
}

export function concatShape(shapes: readonly Shape[], axis: number): Dimension[] {
  if (shapes.length === 0) throw new ShapeError('concat', [], 'nothing to join');
  const [first] = shapes;
  const at = normaliseAxis('concat', first, axis);
  let size = 0;
  for (const shape of shapes) {
    const fits = shape.length === first.length && shape.every((d, k) => k === at || d === first[k]);
    if (!fits) throw new ShapeError('concat', shapes, `all axes but ${at} must be equal`);
    const dimension = shape[at];
    if (typeof dimension === 'string') {
      if (shapes.length === 1) return [...first];
      // A named axis joined with others gets a name of its own: "cache+1".
      return first.map((d, k) => (k === at ? shapes.map((s) => s[k]).join('+') : d));
    }
    size += dimension;
  }
  const named = shapes.some((shape) => typeof shape[at] === 'string');
  if (named) return first.map((d, k) => (k === at ? shapes.map((s) => s[k]).join('+') : d));
  return first.map((d, k) => (k === at ? size : d));
}

export function requireRank(op: string, shape: Shape, rank: number): void {
  if (shape.length !== rank) throw new ShapeError(op, [shape], `rank ${rank} is needed`);
}

export function transposeShape(shape: Shape, permutation: readonly number[]): Dimension[] {
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.length !== shape.length || sorted.some((axis, k) => axis !== k)) {
    throw new ShapeError('transpose', [shape], `[${permutation.join(', ')}] is not a permutation of its axes`);
  }
  return permutation.map((axis) => shape[axis]);
}
