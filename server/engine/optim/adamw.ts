import type { OpBuilder, Tensor } from '../../../models/ops.ts';

/** A vector of parameters with its gradient and Adam's two moments, all [n]. */
export interface Moments {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
}

/** Scalars fed at every step. */
export interface StepSize {
  readonly learningRate: Tensor;
  /** 1 − β₁ᵗ */
  readonly correction1: Tensor;
  /** 1 − β₂ᵗ */
  readonly correction2: Tensor;
}

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: the parameter shrinks by learningRate · weightDecay a step, whatever its gradient. */
  readonly weightDecay: number;
}

export type AdamUpdate = { parameter: Tensor; first: Tensor; second: Tensor };

/** AdamW (Loshchilov & Hutter 2019) with ε outside the bias correction: θ −= η m̂ / (√v̂ + ε), as in PyTorch. */
export function adamwStep(ops: OpBuilder, moments: Moments, size: StepSize, options: AdamOptions): AdamUpdate {
  const { first, second } = nextMoments(ops, moments, options);
  const corrected = ops.sqrt(ops.div(second, size.correction2));
  const step = ops.div(size.learningRate, size.correction1);
  const change = ops.div(ops.mul(first, step), ops.add(corrected, options.epsilon));
  return { parameter: ops.sub(decayed(ops, moments.parameter, size, options), change), first, second };
}

/** The same with TensorFlow's ε ("epsilon hat" of Kingma & Ba 2015, end of section 2): θ −= η √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε). */
export function adamwStepEpsilonHat(
  ops: OpBuilder,
  moments: Moments,
  size: StepSize,
  options: AdamOptions,
): AdamUpdate {
  const { first, second } = nextMoments(ops, moments, options);
  const step = ops.div(ops.mul(size.learningRate, ops.sqrt(size.correction2)), size.correction1);
  const change = ops.div(ops.mul(first, step), ops.add(ops.sqrt(second), options.epsilon));
  return { parameter: ops.sub(decayed(ops, moments.parameter, size, options), change), first, second };
}

function nextMoments(ops: OpBuilder, { gradient, first, second }: Moments, { beta1, beta2 }: AdamOptions) {
  return {
    first: ops.add(ops.mul(first, beta1), ops.mul(gradient, 1 - beta1)),
    second: ops.add(ops.mul(second, beta2), ops.mul(ops.square(gradient), 1 - beta2)),
  };
}

function decayed(ops: OpBuilder, parameter: Tensor, { learningRate }: StepSize, { weightDecay }: AdamOptions): Tensor {
  if (weightDecay === 0) return parameter;
  return ops.mul(parameter, ops.sub(1, ops.mul(learningRate, weightDecay)));
}
