import type { DType, OpBuilder, Tensor } from '../../../../models/ops.ts';

/** A call that must be refused, and what its message must show of the shapes. */
export interface Refusal {
  readonly name: string;
  readonly shows: readonly string[];
  readonly call: (ops: OpBuilder) => unknown;
}

/** By the name of the operation. */
export type Refusals = Readonly<Record<string, readonly Refusal[]>>;

/** A tensor of zeros. */
export function zeros(ops: OpBuilder, shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (dtype === 'bool') return ops.less(zeros(ops, shape), 0);
  return ops.constant(new Array<number>(size).fill(0), shape, dtype);
}
