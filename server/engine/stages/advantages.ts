/**
 * Rewards of each response token: −β (logpₜ − refLogpₜ), the k1 estimate of the KL divergence to the reference, plus
 * `score` on the last token (Ziegler et al. 2019, eq. 2; Ouyang et al. 2022, eq. 2). Nats and units of the score.
 */
export function tokenRewards(
  logps: ArrayLike<number>,
  refLogps: ArrayLike<number>,
  score: number,
  klCoefficient: number,
): Float32Array {
  const rewards = Float32Array.from(logps, (logp, t) => -klCoefficient * (logp - refLogps[t]));
  rewards[rewards.length - 1] += score;
  return rewards;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016, eq. 16): δₜ = rₜ + γ vₜ₊₁ − vₜ, Aₜ = Σ (γλ)ᵏ δₜ₊ₖ, and the
 * returns Aₜ + vₜ. After the last token the value is 0: the response is over.
 */
export function generalisedAdvantages(
  rewards: ArrayLike<number>,
  values: ArrayLike<number>,
  { gamma, lambda }: { readonly gamma: number; readonly lambda: number },
): { advantages: Float32Array; returns: Float32Array } {
  const count = rewards.length;
  const advantages = new Float32Array(count);
  const returns = new Float32Array(count);
  let carried = 0;
  for (let t = count - 1; t >= 0; t--) {
    const next = t + 1 < count ? values[t + 1] : 0;
    carried = rewards[t] + gamma * next - values[t] + gamma * lambda * carried;
    advantages[t] = carried;
    returns[t] = carried + values[t];
  }
  return { advantages, returns };
}

/**
 * Scales all values together, in place, to deviation 1 (unbiased, as in TRL), and to mean 0 unless `keepMean`.
 */
export function whiten(lists: readonly Float32Array[], options: { readonly keepMean?: boolean } = {}): void {
  const count = lists.reduce((sum, list) => sum + list.length, 0);
  if (count < 2) return;
  const total = (term: (value: number) => number) =>
    lists.reduce((sum, list) => sum + list.reduce((part, value) => part + term(value), 0), 0);
  const mean = total((value) => value) / count;
  const variance = total((value) => (value - mean) ** 2) / (count - 1);
  const scale = 1 / Math.sqrt(variance + 1e-8);
  const shift = options.keepMean ? mean : 0;
  for (const list of lists) {
    list.forEach((value, k) => {
      list[k] = (value - mean) * scale + shift;
    });
  }
}

/** Σ over a response of log π/π_ref: the k1 estimate of its KL divergence, nats. Its mean is unbiased; it can be negative. */
export function klEstimate1(logps: ArrayLike<number>, refLogps: ArrayLike<number>): number {
  return Array.from(logps).reduce((sum, logp, t) => sum + logp - refLogps[t], 0);
}

/** Σ (e^−d − 1 + d), d = log π/π_ref: the k3 estimate (Schulman 2020), unbiased and never negative; for logging. */
export function klEstimate3(logps: ArrayLike<number>, refLogps: ArrayLike<number>): number {
  return Array.from(logps).reduce((sum, logp, t) => sum + Math.exp(refLogps[t] - logp) - 1 + logp - refLogps[t], 0);
}

/**
 * The adaptive coefficient of Ziegler et al. 2019 (section 2.2): β grows while the KL lies above the target, by at most
 * 20 % of responses / horizon.
 */
export function adaptedKlCoefficient(
  coefficient: number,
  kl: number,
  { target, horizon, responses }: { readonly target: number; readonly horizon: number; readonly responses: number },
): number {
  const error = Math.min(0.2, Math.max(-0.2, kl / target - 1));
  return coefficient * (1 + (error * responses) / horizon);
}
