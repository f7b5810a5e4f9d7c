import { scoreName } from '../../../models/heads.ts';
import { UserError } from '../../errors.ts';
import type { Bucket } from '../batches.ts';
import { initialParameters, Learner, type Trained, trainedLayout } from '../learner.ts';
import { type ActiveAdapter, activate, type Model } from '../model.ts';
import { scheduleFactor } from '../optim/schedule.ts';
import { freshOptimiser } from '../optimiser.ts';
import { permutation } from '../random.ts';
import { lastScores } from '../scoring.ts';
import { REWARD_BIAS_KEY } from '../weights/adapters.ts';
import type { Adapter } from '../weights/types.ts';
import { adaptedKlCoefficient } from './advantages.ts';
import { keeping, type LearnerState, releasing, withoutHead } from './common.ts';
import type { PpoConfig } from './config.ts';
import { accumulateCritic, accumulatePolicy, criticGraph, policyGraph, ppoBucket } from './ppoUpdates.ts';
import {
  finishRollout,
  judgeResponses,
  minibatch,
  normaliserOf,
  payments,
  promptRows,
  type RewardFunction,
  type Rollout,
  rolloutRows,
  sampleResponses,
} from './rollout.ts';
import type { Stage, StageEvent } from './stage.ts';

export type PpoState = {
  /** Optimiser steps, of policy and critic together. */
  step: number;
  iteration: number;
  /** Optimiser steps done in this iteration. */
  position: number;
  readonly policy: LearnerState;
  readonly critic: LearnerState;
  klCoefficient: number;
  /** normalised reward = gain · reward + bias, from the first rollouts. */
  normaliser: { gain: number; bias: number } | null;
  /** The responses that the current iteration learns from; null before they are sampled. */
  rollout: Rollout | null;
  /** Sums over the iteration's updates, for its metrics. */
  sums: { [name: string]: number };
};

export interface PpoInputs {
  /** Token ids of prompts. */
  readonly prompts: readonly (readonly number[])[];
  /** The policy and the reference start from it. */
  readonly sft: Adapter;
  /** A reward model; or a function: then the critic starts from `sft` with a head of zeros, and `critic` must say so. */
  readonly reward: Adapter | RewardFunction;
}

/**
 * PPO for language models (Ziegler et al. 2019; Ouyang et al. 2022; Huang et al. 2024). Each iteration samples responses,
 * judges them (policy, reference, reward model, critic), and takes `policyEpochs` passes of policy updates and
 * `criticEpochs` of critic updates; policy and critic share no parameter, so their order does not matter.
 *
 * Metrics of an iteration, with TRL's names: `objective/kl` = mean over responses of Σ log π/π_ref, nats;
 * `objective/entropy` = mean of −Σ log π; `objective/scores` = mean normalised reward; `objective/non_score_reward` =
 * −β·kl; `objective/rlhf_reward` = scores − β·kl; `policy/approxkl_avg` = mean ½(log ρ)²; `policy/clipfrac_avg`;
 * `loss/policy_avg`; `loss/value_avg`; `val/clipfrac_avg`; `val/ratio` = mean ρ; `val/num_eos_tokens`; `lr`; `episode`;
 * where responses are sampled in another precision, `sampling/…` (see rollout.ts).
 */
export function ppoStage(
  model: Model,
  inputs: PpoInputs,
  config: PpoConfig,
  options: { readonly seed: number },
): Stage<PpoState> & { start(): PpoState } {
  const plan = planOf(model, inputs, config, options.seed);

  async function* updates(state: PpoState, policy: Learner, critic: Learner): AsyncGenerator<StageEvent, void> {
    // `state` moves with optimiser steps alone, so that it can be saved at every event; this is what moves in between.
    let current = { ...state };
    for (;;) {
      current.rollout ??= yield* rollOut(plan, current, policy, critic);
      yield* updatePolicy(plan, state, current, { policy, critic });
      yield* updateCritic(plan, state, current, critic);
      yield { kind: 'metrics', step: current.step, metrics: iterationMetrics(plan, current) };
      if (current.iteration + 1 === config.iterations) break;
      current = nextIteration(config, current);
    }
  }

  return {
    name: 'ppo',
    run(state) {
      const policy = new Learner(model, plan.policyKind, state.policy, config);
      const critic = new Learner(model, plan.criticKind, state.critic, config);
      const frozen = [plan.reference, ...(typeof inputs.reward === 'function' ? [] : [activate(inputs.reward)])];
      return keeping(model, frozen, releasing([policy, critic], updates(state, policy, critic)));
    },
    adapter: (state) => new Learner(model, plan.policyKind, state.policy, config).adapter(),
    start() {
      const fresh = (kind: Trained, from: Adapter) =>
        freshOptimiser(initialParameters(trainedLayout(model.config, kind), options.seed, from));
      return {
        step: 0,
        iteration: 0,
        position: 0,
        policy: fresh(plan.policyKind, inputs.sft),
        critic: fresh(plan.criticKind, config.critic === 'zero' ? withoutHead(plan.criticStart) : plan.criticStart),
        klCoefficient: config.klCoefficient,
        normaliser: null,
        rollout: null,
        sums: {},
      };
    },
  };
}

/** What follows from the inputs and the configuration, and stays the same through the run. */
interface PpoPlan {
  readonly model: Model;
  readonly prompts: readonly (readonly number[])[];
  readonly config: PpoConfig;
  readonly seed: number;
  readonly policyKind: Trained;
  readonly criticKind: Trained;
  readonly reference: ActiveAdapter;
  readonly criticStart: Adapter;
  readonly judge: RewardFunction;
  /** Not above this; ∞ where a function judges, which pays as it likes. */
  readonly blankReward: number;
  /** What the reward model adds to its head's output. */
  readonly rewardBias: number;
  readonly bucket: Bucket;
  /** Optimiser steps in one epoch over a rollout. */
  readonly minibatches: number;
  /** Policy updates in an iteration; they come first. */
  readonly policySteps: number;
  /** All updates in an iteration. */
  readonly iterationSteps: number;
  /** All updates in the run. */
  readonly steps: number;
}

function planOf(model: Model, { prompts, sft, reward }: PpoInputs, config: PpoConfig, seed: number): PpoPlan {
  const minibatches = Math.ceil(config.rolloutBatch / config.batchSize);
  const policySteps = config.policyEpochs * minibatches;
  const iterationSteps = policySteps + config.criticEpochs * minibatches;
  const isFunction = typeof reward === 'function';
  if (isFunction && config.critic === 'reward') {
    throw new UserError('critic is "reward", but a reward function has no head to start from. Set critic to "zero".');
  }
  const criticStart = isFunction ? sft : reward;
  const head = { learningRateFactor: config.valueHeadLearningRate / config.learningRate };
  const kind = ({ rank, targetModules, alpha }: Adapter) =>
    ({ kind: 'adapter', lora: { rank, targetModules }, alpha }) as const;
  return {
    model,
    prompts,
    config,
    seed,
    policyKind: kind(sft),
    criticKind: { ...kind(criticStart), head },
    reference: activate(sft),
    criticStart,
    judge: isFunction ? reward : (responses) => lastScores(model, activate(reward), responses),
    blankReward: isFunction ? Number.POSITIVE_INFINITY : config.blankReward,
    rewardBias: isFunction ? 0 : Number(reward.metadata[REWARD_BIAS_KEY] ?? 0),
    bucket: ppoBucket(prompts, config),
    minibatches,
    policySteps,
    iterationSteps,
    steps: config.iterations * iterationSteps,
  };
}

/** Samples responses, judges them, and turns rewards into advantages. */
async function* rollOut(
  plan: PpoPlan,
  state: PpoState,
  policy: Learner,
  critic: Learner,
): AsyncGenerator<StageEvent, Rollout> {
  const { model, prompts, config, seed, rewardBias } = plan;
  const { temperature, maxNewTokens } = config;
  const chosen = promptRows(prompts.length, config.rolloutBatch, state.iteration, seed).map((row) => prompts[row]);
  const precision = config.rolloutPrecision ?? model.precision;
  const drawing = { temperature, maxNewTokens, seed, round: state.iteration, precision };
  await policy.read();
  const responses = yield* sampleResponses(model, policy.active, chosen, drawing);
  const adapters = { policy: policy.active, reference: plan.reference, critic: critic.active };
  const judged = yield* judgeResponses(model, adapters, plan.judge, responses, temperature);
  const raw = Array.from(judged.scores, (score) => score + rewardBias);
  const first = state.normaliser === null;
  const normaliser = state.normaliser ?? (config.normaliseRewards ? normaliserOf(raw) : { gain: 1, bias: 0 });
  const { gain, bias } = normaliser;
  const offset = valueOffset(plan, normaliser);
  const scale = first ? gain : 1;
  for (const row of judged.values) for (const t of row.keys()) row[t] = row[t] * scale + offset;
  const { missingEosPenalty } = config;
  const normalised = raw.map((reward) => reward * gain + bias);
  const paid = payments(model, responses, normalised, { missingEosPenalty, blankReward: plan.blankReward });
  const order = permutation(paid.length, { seed, purpose: 'permute', step: -1 - state.iteration });
  const rewards = config.permuteRewards ? paid.map((_, k) => paid[order[k]]) : paid;
  for (const [k, shown] of responses.slice(0, 3).entries()) {
    const [prompt, response] = [shown.prompt, shown.response].map((ids) => model.tokenizer.decode(ids));
    yield { kind: 'sample', step: state.step, prompt, response, reward: rewards[k] };
  }
  state.normaliser = normaliser;
  // In float32 throughout, sampler and training graph differ by rounding alone.
  const corrected = precision !== 'float32' || model.precision !== 'float32';
  const importanceCap = corrected ? config.importanceCap : undefined;
  return finishRollout(responses, judged, rewards, { ...config, klCoefficient: state.klCoefficient, importanceCap });
}

/** The state in which the next iteration begins: nothing sampled yet, and the price of KL adapted. */
function nextIteration(config: PpoConfig, state: PpoState): PpoState {
  const { klTarget: target, klHorizon: horizon, rolloutBatch: responses } = config;
  const kl = state.rollout!.metrics['objective/kl'];
  const control = target === undefined ? undefined : { target, horizon, responses };
  const klCoefficient = control ? adaptedKlCoefficient(state.klCoefficient, kl, control) : state.klCoefficient;
  return { ...state, iteration: state.iteration + 1, klCoefficient, rollout: null, position: 0, sums: {} };
}

/** What the head cannot say, having no bias: the critic's values are head + this. */
function valueOffset({ config, rewardBias }: PpoPlan, { gain, bias }: { gain: number; bias: number }): number {
  return config.critic === 'reward' ? rewardBias * gain + bias : 0;
}

async function* updatePolicy(
  plan: PpoPlan,
  saved: PpoState,
  state: PpoState,
  { policy, critic }: { readonly policy: Learner; readonly critic: Learner },
): AsyncGenerator<StageEvent, void> {
  const { config, policySteps, steps } = plan;
  const rows = rolloutRows(state.rollout!);
  const graph = policyGraph(plan.model, plan.policyKind, plan.bucket, config);
  while (state.position < policySteps) {
    const part = minibatch(rows, state, plan, Math.floor(state.position / plan.minibatches));
    const figures = yield* accumulatePolicy(policy, graph, part, config);
    const { norm, notice } = await policy.update(learningRate(plan, state));
    addTo(state.sums, { ...figures, policyUpdates: 1 });
    state.step++;
    state.position++;
    const approximateKl = figures['policy/approxkl_avg'];
    const limit = config.maxApproximateKl ?? Number.POSITIVE_INFINITY;
    const left = policySteps - state.position;
    const stopped = left > 0 && approximateKl > limit;
    if (stopped) state.position = policySteps;
    // From the first step on the critic's values are in units of the normalised reward.
    if (saved.normaliser === null) await scaleHead(critic, state.normaliser!.gain);
    Object.assign(saved, state);
    yield { kind: 'step', step: state.step, steps, metrics: { ...figures, 'policy/grad_norm': norm } };
    if (notice !== undefined) yield { kind: 'notice', message: notice };
    if (stopped) {
      const message = `Policy updates of iteration ${state.iteration + 1} end ${left} steps early: the approximate KL is ${approximateKl.toPrecision(3)} nats a token, the limit ${limit}.`;
      yield { kind: 'notice', message };
    }
  }
}

async function* updateCritic(
  plan: PpoPlan,
  saved: PpoState,
  state: PpoState,
  critic: Learner,
): AsyncGenerator<StageEvent, void> {
  const { policySteps, iterationSteps, steps } = plan;
  const rows = rolloutRows(state.rollout!);
  const graph = criticGraph(plan.model, plan.criticKind, plan.bucket, plan.config);
  const offset = valueOffset(plan, state.normaliser!);
  while (state.position < iterationSteps) {
    const part = minibatch(rows, state, plan, Math.floor((state.position - policySteps) / plan.minibatches));
    const figures = yield* accumulateCritic(critic, graph, part, offset);
    const { norm, notice } = await critic.update(learningRate(plan, state));
    addTo(state.sums, { ...figures, criticUpdates: 1 });
    state.step++;
    state.position++;
    Object.assign(saved, state);
    yield { kind: 'step', step: state.step, steps, metrics: { ...figures, 'val/grad_norm': norm } };
    if (notice !== undefined) yield { kind: 'notice', message: notice };
  }
}

function learningRate({ config }: PpoPlan, { iteration }: PpoState): number {
  return config.learningRate * scheduleFactor(config.schedule, iteration, config.iterations, config.warmupSteps);
}

/** The rollout's figures, and the means of the updates' figures. */
function iterationMetrics(plan: PpoPlan, state: PpoState): Record<string, number> {
  const { policyUpdates = 1, criticUpdates = 1, ...figures } = state.sums;
  const ofCritic = (name: string) => name === 'loss/value_avg' || name === 'val/clipfrac_avg';
  const averaged = Object.entries(figures).map(([name, sum]) => [
    name,
    sum / (ofCritic(name) ? criticUpdates : policyUpdates),
  ]);
  const episode = (state.iteration + 1) * plan.config.rolloutBatch;
  return { ...state.rollout!.metrics, ...Object.fromEntries(averaged), lr: learningRate(plan, state), episode };
}

async function scaleHead(critic: Learner, gain: number): Promise<void> {
  await critic.edit(({ [scoreName]: head }) => {
    for (const k of head.keys()) head[k] *= gain;
  });
}

function addTo(sums: Record<string, number>, figures: Record<string, number>): void {
  for (const [name, value] of Object.entries(figures)) sums[name] = (sums[name] ?? 0) + value;
}
