import type { Precision } from '../../protocol/types.ts';
import { generate } from '../generation/generate.ts';
import { truncatedImportance } from '../losses/importance.ts';
import type { ActiveAdapter, Model } from '../model.ts';
import { permutation } from '../random.ts';
import { responseLogps, responseValues, type Scored } from '../scoring.ts';
import type { Sequence } from '../sequences.ts';
import { generalisedAdvantages, klEstimate1, klEstimate3, tokenRewards, whiten } from './advantages.ts';
import { deviation, mean } from './common.ts';
import type { StageEvent } from './stage.ts';

/** Responses of one iteration with all that the updates read; flat, so that a checkpoint can hold it. */
export type Rollout = {
  readonly promptIds: Int32Array;
  readonly promptLengths: Int32Array;
  readonly responseIds: Int32Array;
  readonly responseLengths: Int32Array;
  readonly oldLogps: Float32Array;
  readonly oldValues: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  /** What metrics.jsonl gets when the iteration is over. */
  readonly metrics: { [name: string]: number };
};

/** One response of a rollout; the arrays are one entry a response token. */
export interface RolloutRow extends Sequence {
  readonly oldLogps: Float32Array;
  readonly oldValues: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
}

/** A sampled response. */
export interface Sampled extends Sequence {
  readonly finished: boolean;
  /** What the sampler says of each token, nats; that is not quite what the training graph says. */
  readonly samplerLogps: readonly number[];
}

/** Samples one response to each prompt, at the temperature alone; `precision` is that of the products with the base. */
export async function* sampleResponses(
  model: Model,
  adapter: ActiveAdapter | undefined,
  prompts: readonly (readonly number[])[],
  options: {
    readonly temperature: number;
    readonly maxNewTokens: number;
    readonly seed: number;
    readonly round: number;
    readonly precision: Precision;
  },
): AsyncGenerator<StageEvent, Sampled[]> {
  const { temperature, ...rest } = options;
  const decoding = generate(model, adapter, prompts, {
    ...rest,
    sampling: { temperature },
    stopIds: model.tokenizer.endIds,
  });
  for (;;) {
    const next = await decoding.next();
    if (next.done) {
      return next.value.map(({ ids, logps, finished }, k) => {
        return { prompt: prompts[k], response: ids, finished, samplerLogps: logps };
      });
    }
    yield { kind: 'work', what: 'rollout', done: next.value, total: prompts.length * options.maxNewTokens };
  }
}

/** Everything about sampled responses that a forward pass of one of the four models tells. */
export interface Judged {
  readonly oldLogps: Float32Array[];
  readonly refLogps: Float32Array[];
  readonly values: Float32Array[];
  readonly scores: ArrayLike<number>;
}

/** Judges sampled responses: one number each, in any unit, in their order. Yields how far it is. */
export type RewardFunction = (responses: readonly Sampled[]) => AsyncGenerator<Scored, ArrayLike<number>>;

export async function* judgeResponses(
  model: Model,
  adapters: {
    policy: ActiveAdapter;
    reference: ActiveAdapter | undefined;
    critic: ActiveAdapter;
  },
  judge: RewardFunction,
  responses: readonly Sampled[],
  temperature: number,
): AsyncGenerator<StageEvent, Judged> {
  const oldLogps = yield* asWork('scoring: policy', responseLogps(model, adapters.policy, responses, temperature));
  const refLogps = yield* asWork(
    'scoring: reference',
    responseLogps(model, adapters.reference, responses, temperature),
  );
  const scores = yield* asWork('scoring: reward', judge(responses));
  const values = yield* asWork('scoring: critic', responseValues(model, adapters.critic, responses));
  return { oldLogps, refLogps, values, scores };
}

/** Turns forward passes into 'work' events. */
export async function* asWork<Result>(
  what: string,
  passes: AsyncGenerator<Scored, Result>,
): AsyncGenerator<StageEvent, Result> {
  for (;;) {
    const next = await passes.next();
    if (next.done) return next.value;
    yield { kind: 'work', what, ...next.value };
  }
}

/**
 * What responses earn, given their normalised rewards. No comparison holds a blank response, so a reward model can only
 * guess what one is worth: it earns `blankReward` at most.
 */
export function payments(
  { tokenizer }: Model,
  responses: readonly Sampled[],
  rewards: readonly number[],
  options: { readonly blankReward: number; readonly missingEosPenalty: number },
): number[] {
  return responses.map(({ response, finished }, k) => {
    const blank = tokenizer.decode(response).trim() === '';
    return (
      (blank ? Math.min(rewards[k], options.blankReward) : rewards[k]) - (finished ? 0 : options.missingEosPenalty)
    );
  });
}

export interface AdvantageOptions {
  readonly klCoefficient: number;
  readonly gamma: number;
  readonly lambda: number;
  readonly whitenRewards: boolean;
  readonly whitenAdvantages: boolean;
  /** Present where responses were sampled in another precision than training's: the most that a token's weight may be. */
  readonly importanceCap?: number;
}

/** Rewards → advantages and returns, and the iteration's figures. `rewards` is one normalised reward a response. */
export function finishRollout(
  responses: readonly Sampled[],
  judged: Judged,
  rewards: ArrayLike<number>,
  options: AdvantageOptions,
): Rollout {
  const { oldLogps, refLogps, values } = judged;
  const { klCoefficient } = options;
  const tokens = responses.map((_, k) => tokenRewards(oldLogps[k], refLogps[k], rewards[k], klCoefficient));
  if (options.whitenRewards) whiten(tokens, { keepMean: true });
  const estimates = tokens.map((row, k) => generalisedAdvantages(row, values[k], options));
  const advantages = estimates.map((estimate) => estimate.advantages);
  if (options.whitenAdvantages) whiten(advantages);
  const sampling =
    options.importanceCap === undefined ? {} : correctSampling(advantages, responses, judged, options.importanceCap);
  const kl = responses.map((_, k) => klEstimate1(oldLogps[k], refLogps[k]));
  const score = mean(rewards);
  return {
    promptIds: Int32Array.from(responses.flatMap(({ prompt }) => prompt)),
    promptLengths: Int32Array.from(responses, ({ prompt }) => prompt.length),
    responseIds: Int32Array.from(responses.flatMap(({ response }) => response)),
    responseLengths: Int32Array.from(responses, ({ response }) => response.length),
    oldLogps: joined(oldLogps),
    oldValues: joined(values),
    advantages: joined(advantages),
    returns: joined(estimates.map(({ returns }) => returns)),
    metrics: {
      'objective/kl': mean(kl),
      'objective/kl_k3': mean(responses.map((_, k) => klEstimate3(oldLogps[k], refLogps[k]))),
      'objective/entropy': mean(oldLogps.map((row) => -row.reduce((sum, logp) => sum + logp, 0))),
      'objective/non_score_reward': -klCoefficient * mean(kl),
      'objective/scores': score,
      'objective/rlhf_reward': score - klCoefficient * mean(kl),
      'objective/kl_coefficient': klCoefficient,
      'val/num_eos_tokens': responses.filter(({ finished }) => finished).length,
      'response/length': mean(responses.map(({ response }) => response.length)),
      ...sampling,
    },
  };
}

/**
 * Multiplies each advantage by its token's importance weight. PPO's loss is homogeneous in the advantages, so that weighs
 * the token's term of it; values are learnt as they are. Gives the weights' figures under TRL's names, and the share of
 * weights that were cut.
 */
function correctSampling(
  advantages: readonly Float32Array[],
  responses: readonly Sampled[],
  { oldLogps }: Judged,
  cap: number,
): Record<string, number> {
  const weights = responses.map(({ samplerLogps }, k) => truncatedImportance(oldLogps[k], samplerLogps, cap));
  for (const [k, row] of advantages.entries()) for (const t of row.keys()) row[t] *= weights[k][t];
  const all = joined(weights);
  const differences = responses.flatMap(({ samplerLogps }, k) =>
    samplerLogps.map((logp, t) => Math.abs(oldLogps[k][t] - logp)),
  );
  const least = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => Math.min(a, b));
  const most = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => Math.max(a, b));
  return {
    'sampling/sampling_logp_difference/mean': mean(differences),
    'sampling/sampling_logp_difference/max': most(differences),
    'sampling/importance_sampling_ratio/min': least(all),
    'sampling/importance_sampling_ratio/mean': mean(all),
    'sampling/importance_sampling_ratio/max': most(all),
    'sampling/importance_sampling_ratio/capped': all.filter((weight) => weight >= cap).length / all.length,
  };
}

/** The rollout's responses one by one; views of its arrays. */
export function rolloutRows(rollout: Rollout): RolloutRow[] {
  let prompt = 0;
  let token = 0;
  return Array.from(rollout.responseLengths, (length, k) => {
    const [promptStart, start] = [prompt, token];
    prompt += rollout.promptLengths[k];
    token += length;
    const part = (array: Float32Array) => array.subarray(start, token);
    return {
      prompt: [...rollout.promptIds.subarray(promptStart, prompt)],
      response: [...rollout.responseIds.subarray(start, token)],
      oldLogps: part(rollout.oldLogps),
      oldValues: part(rollout.oldValues),
      advantages: part(rollout.advantages),
      returns: part(rollout.returns),
    };
  });
}

/** The prompts of an iteration: rows of an endless stream that goes through all prompts in a new order each time. */
export function promptRows(count: number, batch: number, iteration: number, seed: number): number[] {
  return Array.from({ length: batch }, (_, k) => {
    const place = iteration * batch + k;
    return permutation(count, { seed, purpose: 'shuffle', step: Math.floor(place / count) })[place % count];
  });
}

/** The rows of the next update: each epoch goes through the rollout in an order of its own. */
export function minibatch<Row>(
  rows: readonly Row[],
  { iteration, position }: { readonly iteration: number; readonly position: number },
  plan: { readonly config: { readonly batchSize: number }; readonly minibatches: number; readonly seed: number },
  epoch: number,
): Row[] {
  const { config, minibatches, seed } = plan;
  const order = permutation(rows.length, { seed, purpose: 'permute', step: iteration * 1024 + epoch });
  const start = (position % minibatches) * config.batchSize;
  return [...order.subarray(start, start + config.batchSize)].map((row) => rows[row]);
}

/** Gain and bias that give these rewards mean 0 and deviation 1 (mean 0 alone, where they are all the same). */
export function normaliserOf(rewards: readonly number[]): { gain: number; bias: number } {
  const spread = deviation(rewards);
  const gain = spread > 1e-6 ? 1 / spread : 1;
  return { gain, bias: -mean(rewards) * gain };
}

function joined(lists: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let offset = 0;
  for (const list of lists) {
    result.set(list, offset);
    offset += list.length;
  }
  return result;
}
