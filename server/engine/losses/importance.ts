/**
 * Truncated importance weights of sampled tokens, min(cap, π(xₜ) / μ(xₜ)), for what one model π learns from the samples of
 * a slightly other one μ (Ionides 2008, "Truncated Importance Sampling", eq. 3; for rollouts that are sampled in another
 * precision than training's: Yao et al. 2025, "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training").
 * `logps` are those of π, `samplerLogps` those of μ, nats, one entry a token; so is the result.
 */
export function truncatedImportance(
  logps: ArrayLike<number>,
  samplerLogps: ArrayLike<number>,
  cap: number,
): Float32Array {
  return Float32Array.from(logps, (logp, t) => Math.min(cap, Math.exp(logp - samplerLogps[t])));
}
