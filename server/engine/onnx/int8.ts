import type { FrozenWeight } from '../../../models/ops.ts';
import { type Int8Use, int8Names } from '../weights/int8.ts';
import type { Emitter } from './emitter.ts';
import type { GraphTensor } from './graph.ts';
import { elementTypes, encodeModel } from './proto.ts';

/** The byte that stands for 0 in activations. */
const zero = 128;
const mostLevels = 127;

/** Activations as unsigned bytes: x ≈ (values − 128) · scales, one scale a row. */
export interface QuantisedRows {
  readonly values: string;
  /** [N, 1] */
  readonly scales: string;
}

/**
 * x [N, D] on a scale a row, so that its largest magnitude lies 127 from the zero point. Rows stay independent of each
 * other, and 0 stays exactly 0.
 */
export function quantiseRows(emit: Emitter, x: GraphTensor): QuantisedRows {
  const name = emit.name(x);
  const last = emit.int64([1]);
  const most = emit.emit('Max', [
    emit.emit('ReduceMax', [name, last], { keepdims: 1 }),
    emit.emit('Neg', [emit.emit('ReduceMin', [name, last], { keepdims: 1 })]),
    emit.scalar(tiniest), // a row of zeros has no scale
  ]);
  const scaled = emit.emit('Mul', [name, emit.emit('Div', [emit.scalar(mostLevels), most])]);
  const values = emit.emit('QuantizeLinear', [scaled, emit.scalar(1), emit.byte(zero)]);
  return { values, scales: emit.emit('Mul', [most, emit.scalar(1 / mostLevels)]) };
}

const tiniest = 1e-30;

/** x Wᵀ (forward) or x W (adjoint) as a product of bytes, scaled back to float32. */
export function int8Product(emit: Emitter, x: QuantisedRows, weight: FrozenWeight, use: Int8Use): string {
  const { values, scales } = int8Names(weight.name, use);
  const operands = [x.values, values, emit.scalar(1), scales, emit.byte(zero)];
  const product = emit.emit('MatMulIntegerToFloat', operands, {}, 'com.microsoft');
  return emit.emit('Mul', [product, x.scales]);
}

/** A graph y = a · b of unsigned [2, 64] and signed [64, 16] bytes. */
export function int8ProbeGraph(): Uint8Array {
  const value = (name: string, elemType: number, shape: readonly number[]) => ({
    name,
    type: { tensorType: { elemType, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  });
  const node = { opType: 'MatMulInteger', domain: '', input: ['a', 'b'], output: ['y'], attribute: [] };
  const input = [value('a', elementTypes.uint8, [2, 64]), value('b', elementTypes.int8, [64, 16])];
  const output = [value('y', elementTypes.int32, [2, 16])];
  return encodeModel({ name: 'palate', node: [node], initializer: [], input, output }, 18);
}
