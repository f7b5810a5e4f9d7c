import * as v from 'valibot';
import { scoreName } from '../../../models/heads.ts';
import { linearModules } from '../../../models/llama.ts';
import type { Learner } from '../learner.ts';
import type { OptimiserState } from '../optimiser.ts';
import { permutation } from '../random.ts';
import type { Adapter } from '../weights/types.ts';
import type { Serialisable, StageEvent } from './stage.ts';

const positive = v.pipe(v.number(), v.minValue(Number.MIN_VALUE), v.finite());
const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());
const whole = v.pipe(v.number(), v.integer(), v.minValue(1));
const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** Kinds of numbers in configurations. */
export const numbers = { positive, notNegative, whole, fraction };

/** What every stage's optimiser is configured by. */
export const optimiserEntries = {
  /** Peak learning rate of AdamW. */
  schedule: v.optional(v.picklist(['constant', 'linear', 'cosine']), 'linear'),
  /** Optimiser steps (in PPO: iterations) over which the learning rate rises. */
  warmupSteps: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  /** Gradients are scaled down to this global norm. */
  maxGradientNorm: v.optional(positive, 1),
  weightDecay: v.optional(notNegative, 0),
  beta1: v.optional(fraction, 0.9),
  beta2: v.optional(fraction, 0.999),
  epsilon: v.optional(positive, 1e-8),
  /** Where ε stands: 'pytorch' adds it after the bias correction, 'tensorflow' before it ("epsilon hat"). */
  epsilonForm: v.optional(v.picklist(['pytorch', 'tensorflow']), 'pytorch'),
  /** Tokens in one micro-batch: more is faster and needs more memory. */
  microBatchTokens: v.optional(whole, 1024),
  /** Recompute each layer in the backward pass: about half the memory, two thirds of the speed. */
  recompute: v.optional(v.boolean(), false),
};

/** The adapter that a stage makes where it does not go on from another's. */
export const loraEntries = {
  rank: v.optional(whole, 16),
  alpha: v.optional(positive, 32),
  targetModules: v.optional(v.pipe(v.array(v.picklist(linearModules)), v.minLength(1)), [...linearModules]),
};

/** A learner's part of a stage's state is plain data already; this only tells the compiler so. */
export type LearnerState = OptimiserState & { readonly [key: string]: Serialisable };

/** Which of `count` rows optimiser step `step` uses: each epoch goes through all of them in an order of its own. */
export function stepRows(count: number, batchSize: number, step: number, seed: number): number[] {
  const perEpoch = Math.ceil(count / batchSize);
  const order = epochOrder(count, Math.floor(step / perEpoch), seed);
  const start = (step % perEpoch) * batchSize;
  return [...order.subarray(start, start + batchSize)];
}

let lastOrder: { readonly key: string; readonly order: Int32Array } | undefined;

/** The order of all rows in an epoch; the last one is kept, because every step of an epoch asks for it. */
function epochOrder(count: number, epoch: number, seed: number): Int32Array {
  const key = `${count} ${epoch} ${seed}`;
  if (lastOrder?.key !== key) lastOrder = { key, order: permutation(count, { seed, purpose: 'shuffle', step: epoch }) };
  return lastOrder.order;
}

export const mean = (values: ArrayLike<number>): number =>
  values.length === 0 ? 0 : Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

export function deviation(values: ArrayLike<number>): number {
  const centre = mean(values);
  return Math.sqrt(mean(Array.from(values, (value) => (value - centre) ** 2)));
}

/** The adapter of a reward model without its scalar head. */
export function withoutHead(adapter: Adapter): Adapter {
  return { ...adapter, tensors: new Map([...adapter.tensors].filter(([name]) => name !== scoreName)) };
}

/** The steps of a stage; what the learners hold is freed when they end, fail, or are left in the middle. */
export async function* releasing(
  learners: readonly Learner[],
  steps: AsyncGenerator<StageEvent, void>,
): AsyncGenerator<StageEvent, void> {
  try {
    yield* steps;
  } finally {
    for (const learner of learners) await learner.release();
  }
}
