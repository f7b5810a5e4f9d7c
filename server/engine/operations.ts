import type { DType, FrozenWeight, Tensor } from '../../models/ops.ts';

export type Attributes = Readonly<Record<string, number | boolean | string | readonly number[]>>;

/** What an operation has besides its operands. */
export interface Operation {
  readonly name: string;
  readonly attributes: Attributes;
  /** The frozen matrix that it multiplies with, if any. */
  readonly weight?: FrozenWeight;
}

export interface RecordOptions {
  readonly dtype?: DType;
  readonly attributes?: Attributes;
  readonly weight?: FrozenWeight;
}

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
export const floatOnly: ReadonlySet<string> = new Set([
  'div',
  'sum',
  'mean',
  'max',
  'matMul',
  'frozenLinear',
  'frozenLinearAdjoint',
  'rmsNorm',
  'layerNorm',
  'rotary',
  'tokenEntropy',
]);
