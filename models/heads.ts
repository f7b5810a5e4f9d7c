import type { OpBuilder, Tensor } from './ops.ts';

/** The name of the scalar head in a PEFT SEQ_CLS file. */
export const scoreName = 'base_model.model.score.weight';

/** A linear head with one output, without bias: hidden [P, D] → [P]. It gives rewards (last token) or values (each). */
export function scalarHead(ops: OpBuilder, hidden: Tensor): Tensor {
  const [rows, width] = hidden.shape;
  const weight = ops.parameter(scoreName, [1, width as number]);
  return ops.reshape(ops.matMul(hidden, ops.transpose(weight, [1, 0])), [rows]);
}
