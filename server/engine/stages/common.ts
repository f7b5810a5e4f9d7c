import { scoreName } from '../../../models/heads.ts';
import type { Learner } from '../learner.ts';
import type { ActiveAdapter, Model } from '../model.ts';
import type { OptimiserState } from '../optimiser.ts';
import { permutation } from '../random.ts';
import type { Adapter } from '../weights/types.ts';
import type { Serialisable, StageEvent } from './stage.ts';

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

/** The steps of a stage during which `adapters`, which do not change, stay in the memory of the model's runtime. */
export async function* keeping(
  { runtime: { memory } }: Model,
  adapters: readonly ActiveAdapter[],
  steps: AsyncGenerator<StageEvent, void>,
): AsyncGenerator<StageEvent, void> {
  const arrays = adapters.flatMap(({ feeds }) => Object.values(feeds));
  memory?.keep(arrays);
  try {
    yield* steps;
  } finally {
    memory?.drop(arrays);
  }
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
