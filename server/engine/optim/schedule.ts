export type ScheduleName = 'constant' | 'linear' | 'cosine';

/**
 * The factor on the learning rate at a step (the first is 0): a linear rise over `warmup` steps, then constant, falling
 * in a straight line to 0 at `total`, or along half a cosine. As Transformers' schedules of these names, but the first
 * step of a warmup already moves (1 / warmup instead of 0).
 */
export function scheduleFactor(name: ScheduleName, step: number, total: number, warmup = 0): number {
  if (step < warmup) return (step + 1) / warmup;
  if (name === 'constant') return 1;
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return name === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
}
