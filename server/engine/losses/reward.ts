import type { OpBuilder, Tensor } from '../../../models/ops.ts';

/**
 * −Σ wᵢ log σ(chosenᵢ − rejectedᵢ − marginᵢ): the Bradley–Terry likelihood of the labels (Bradley & Terry 1952; Ouyang
 * et al. 2022, eq. 1), with the margin of Llama 2 (Touvron et al. 2023, eq. 2). All [N] → scalar.
 */
export function bradleyTerryLoss(
  ops: OpBuilder,
  { chosen, rejected, margins, weights }: { chosen: Tensor; rejected: Tensor; margins: Tensor; weights: Tensor },
): Tensor {
  const difference = ops.sub(ops.sub(chosen, rejected), margins);
  return ops.sum(ops.mul(ops.softplus(ops.neg(difference)), weights)); // −log σ(d) = softplus(−d)
}

/**
 * Σ wᵢ (chosenᵢ + rejectedᵢ)²: keeps the rewards of a pair centred on zero, which the likelihood leaves free (Eisenstein
 * et al. 2023, eq. 2). All [N] → scalar.
 */
export function centringLoss(
  ops: OpBuilder,
  { chosen, rejected, weights }: { chosen: Tensor; rejected: Tensor; weights: Tensor },
): Tensor {
  return ops.sum(ops.mul(ops.square(ops.add(chosen, rejected)), weights));
}
