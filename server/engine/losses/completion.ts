import type { OpBuilder, Tensor } from '../../../models/ops.ts';

/**
 * The negative log-likelihood of completions, −Σ wₜ log π(xₜ | x₍<ₜ₎): logps [P] in nats, weights [P] → scalar. Weights
 * that sum to 1 over the optimiser batch make it a mean over tokens; 0 leaves a position out.
 */
export function completionLoss(ops: OpBuilder, logps: Tensor, weights: Tensor): Tensor {
  return ops.neg(ops.sum(ops.mul(logps, weights)));
}
