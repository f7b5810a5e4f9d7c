import type { OpBuilder, Tensor } from '../../../models/ops.ts';

/**
 * The clipped surrogate of PPO (Schulman et al. 2017, eq. 7), negated: −Σ wₜ min(ρₜ Aₜ, clip(ρₜ, 1 ± ε) Aₜ) with
 * ρₜ = exp(logpₜ − oldLogpₜ). All [P]; `clipRange` is ε. Gives the loss and what is worth watching, each a scalar.
 */
export function clippedPolicyLoss(
  ops: OpBuilder,
  inputs: { logps: Tensor; oldLogps: Tensor; advantages: Tensor; weights: Tensor },
  clipRange: number,
): { loss: Tensor; clipFraction: Tensor; ratio: Tensor; approximateKl: Tensor } {
  const { logps, oldLogps, advantages, weights } = inputs;
  const logRatio = ops.sub(logps, oldLogps);
  const ratio = ops.exp(logRatio);
  const clipped = ops.minimum(ops.maximum(ratio, 1 - clipRange), 1 + clipRange);
  const [free, bounded] = [ops.mul(ratio, advantages), ops.mul(clipped, advantages)];
  const mean = (x: Tensor) => ops.sum(ops.mul(x, weights));
  return {
    loss: ops.neg(mean(ops.minimum(free, bounded))),
    clipFraction: mean(ops.toFloat(ops.less(bounded, free))),
    ratio: mean(ratio),
    // Schulman's second estimator, ½ (log ρ)²: TRL's policy/approxkl_avg.
    approximateKl: ops.mul(mean(ops.square(logRatio)), 0.5),
  };
}

/**
 * The clipped value loss of PPO's first implementation: ½ Σ wₜ max((vₜ − Rₜ)², (clip(vₜ, v_oldₜ ± ε) − Rₜ)²). All [P];
 * `clipRange` is ε in units of the value.
 */
export function clippedValueLoss(
  ops: OpBuilder,
  inputs: { values: Tensor; oldValues: Tensor; returns: Tensor; weights: Tensor },
  clipRange: number,
): { loss: Tensor; clipFraction: Tensor } {
  const { values, oldValues, returns, weights } = inputs;
  const [low, high] = [ops.sub(oldValues, clipRange), ops.add(oldValues, clipRange)];
  const clipped = ops.minimum(ops.maximum(values, low), high);
  const [free, bounded] = [ops.square(ops.sub(values, returns)), ops.square(ops.sub(clipped, returns))];
  const mean = (x: Tensor) => ops.sum(ops.mul(x, weights));
  return {
    loss: ops.mul(mean(ops.maximum(free, bounded)), 0.5),
    clipFraction: mean(ops.toFloat(ops.less(free, bounded))),
  };
}
