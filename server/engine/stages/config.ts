/**
 * Settings of the stages: what they are called, what they may be, and their defaults. Apart from the stages, because
 * the server holds palate.json against them and must never import a runtime. Every description stands in the editor
 * too: schemas/palate.schema.json is made from them (`npm run schema`).
 */
import * as v from 'valibot';
import { linearModules } from '../../../models/network.ts';
import { optionalSetting, setting } from '../../config.ts';
import { deviceChoices, engineNames, precisions } from '../../protocol/types.ts';

const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());
const whole = v.pipe(v.number(), v.integer(), v.minValue(1));
const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const schedule = v.picklist(['constant', 'linear', 'cosine']);

/** What every stage's optimiser is configured by. */
const optimiserEntries = {
  schedule: setting('How the learning rate goes from its peak.', schedule, 'linear'),
  warmupSteps: setting(
    'Optimiser steps (in PPO: iterations) over which the learning rate rises.',
    v.pipe(v.number(), v.integer(), v.minValue(0)),
    0,
  ),
  maxGradientNorm: setting('Gradients are scaled down to this global norm.', positive, 1),
  weightDecay: setting("AdamW's weight decay.", notNegative, 0),
  beta1: setting("AdamW's decay of the mean gradient.", fraction, 0.9),
  beta2: setting("AdamW's decay of the mean squared gradient.", fraction, 0.999),
  epsilon: setting("AdamW's ε, which keeps a division from exploding.", positive, 1e-8),
  epsilonForm: setting(
    'Where ε stands: "pytorch" adds it after the bias correction, "tensorflow" before it ("epsilon hat").',
    v.picklist(['pytorch', 'tensorflow']),
    'pytorch',
  ),
  microBatchTokens: setting('Tokens in one micro-batch: more is faster and needs more memory.', whole, 1024),
  recompute: setting(
    'What is computed again in the backward pass instead of kept. true: each layer, about half the memory, two thirds of the speed. "cheap": what takes little time (norms, activations, attention weights).',
    v.union([v.boolean(), v.literal('cheap')]),
    false,
  ),
};

/** The adapter that a stage makes where it does not go on from another's. */
const loraEntries = {
  rank: setting('Rank of the LoRA adapter.', whole, 16),
  alpha: setting("The adapter's weight is alpha / rank.", positive, 32),
  targetModules: optionalSetting(
    'The projections that get an adapter. Left out: every linear layer.',
    v.pipe(v.array(v.picklist(linearModules)), v.minLength(1)),
  ),
};

/** Supervised fine-tuning: `sft` in the configuration. */
export const sftConfig = v.strictObject({
  learningRate: setting('Peak learning rate.', positive, 2e-4),
  batchSize: setting('Rows in one optimiser step.', whole, 8),
  epochs: setting('How often every row is seen.', whole, 1),
  packing: setting(
    'Several rows share one line, as segments that do not see each other: no tokens are wasted on padding.',
    v.boolean(),
    true,
  ),
  ...loraEntries,
  ...optimiserEntries,
});
export type SftConfig = v.InferOutput<typeof sftConfig>;

/** The reward model: `reward` in the configuration. */
export const rewardConfig = v.strictObject({
  learningRate: setting('Peak learning rate of the adapter.', positive, 3e-4),
  headLearningRate: setting(
    'Peak learning rate of the scalar head, which starts at 0 and may move faster.',
    positive,
    3e-3,
  ),
  batchSize: setting('Pairs in one optimiser step.', whole, 8),
  epochs: setting('How often every pair is seen.', whole, 2),
  centringCoefficient: setting(
    'Weight of the penalty that keeps the rewards of a pair centred on 0.',
    notNegative,
    0.01,
  ),
  heldOut: setting(
    'Share of prompts held out to measure accuracy and calibration on.',
    v.pipe(v.number(), v.minValue(0), v.maxValue(0.5)),
    0.1,
  ),
  ...loraEntries,
  ...optimiserEntries,
});
export type RewardConfig = v.InferOutput<typeof rewardConfig>;

/** Proximal policy optimisation: `ppo` in the configuration. docs/ppo-details.md says why each default is what it is. */
export const ppoConfig = v.strictObject({
  learningRate: setting('Peak learning rate.', positive, 1e-4),
  valueHeadLearningRate: setting(
    "Peak learning rate of the critic's head; its adapter learns at learningRate.",
    positive,
    1e-3,
  ),
  iterations: setting('Rounds of answering prompts and learning from the rewards.', whole, 10),
  rolloutBatch: setting('Responses sampled in one iteration, each to another prompt.', whole, 32),
  batchSize: setting('Responses in one optimiser step.', whole, 8),
  policyEpochs: setting("How often the policy sees an iteration's responses.", whole, 2),
  criticEpochs: setting("How often the critic sees an iteration's responses.", whole, 1),
  temperature: setting('Divides the logits, in rollouts and in training alike.', positive, 1),
  maxNewTokens: setting('The most tokens of a response.', whole, 64),
  rolloutPrecision: optionalSetting(
    'How the frozen base computes while responses are sampled: "float32", or "int8-base", which is faster; what is learnt from them is corrected by importance weights. Default: as it computes while it trains.',
    v.picklist(precisions),
  ),
  importanceCap: setting(
    'The most that a token weighs, probability in training over probability in sampling, where the two differ in precision (Yao et al. 2025).',
    positive,
    2,
  ),
  clipRange: setting('How far the ratio of new to old probability may leave 1 in one iteration.', positive, 0.2),
  valueClipRange: setting(
    'How far a value may move in one iteration, in units of the normalised reward.',
    positive,
    0.2,
  ),
  gamma: setting('Discount of later rewards.', fraction, 1),
  lambda: setting('λ of generalised advantage estimation.', fraction, 0.95),
  klCoefficient: setting(
    'β: the price of one nat of KL to the reference, in units of the normalised reward.',
    notNegative,
    0.1,
  ),
  klTarget: optionalSetting('Nats a response. When given, β is adapted to reach it.', positive),
  klHorizon: setting('Responses over which the adaptation of β works.', positive, 1000),
  maxApproximateKl: optionalSetting(
    "Policy updates of an iteration end early once an update's approximate KL (nats a token) is above this.",
    positive,
  ),
  entropyCoefficient: setting('Weight of the reward for being unsure.', notNegative, 0),
  whitenRewards: setting('Scale the rewards of each iteration to deviation 1, keeping their mean.', v.boolean(), false),
  whitenAdvantages: setting(
    'Shift and scale the advantages of each iteration to mean 0 and deviation 1.',
    v.boolean(),
    true,
  ),
  missingEosPenalty: setting('Taken from the reward of a response that was cut before its end token.', notNegative, 0),
  blankReward: setting(
    'The most that a response without text earns from a reward model, in units of the normalised reward.',
    v.number(),
    -2,
  ),
  critic: setting(
    '"reward": the critic starts as a copy of the reward model with its head. "zero": with a head of zeros.',
    v.picklist(['reward', 'zero']),
    'reward',
  ),
  normaliseRewards: setting(
    'Scale and shift rewards once, so that those of the first rollouts have mean 0 and deviation 1.',
    v.boolean(),
    true,
  ),
  permuteRewards: setting(
    'A control experiment: rewards are shuffled among the responses of an iteration, so nothing can be learnt.',
    v.boolean(),
    false,
  ),
  ...optimiserEntries,
  schedule: setting('How the learning rate goes from its peak.', schedule, 'constant'),
});
export type PpoConfig = v.InferOutput<typeof ppoConfig>;

/** One section a stage, each with its own defaults. */
export const stageEntries = {
  sft: setting('Supervised fine-tuning on the chosen responses.', sftConfig, {}),
  reward: setting('The reward model, from preferences.', rewardConfig, {}),
  ppo: setting('Proximal policy optimisation against the reward model.', ppoConfig, {}),
};

/** Stands in a project's configuration too. */
export const precisionSetting = setting(
  'How the frozen base computes while it trains: "float32"; or "int8-base": its linear layers as products of bytes, which is faster and changes the loss by about 1 % (engine onnx, on the CPU).',
  v.picklist(precisions),
  'float32',
);

/** The file that `palate train --config` names. */
export const trainConfig = v.strictObject({
  ...stageEntries,
  engine: setting('What trains. Responses always come from onnxruntime.', v.picklist(engineNames), 'onnx'),
  precision: precisionSetting,
  device: setting(
    'Where onnxruntime trains: on the best device that works here, or on this one.',
    v.picklist(deviceChoices),
    'auto',
  ),
});
export type TrainConfig = v.InferOutput<typeof trainConfig>;
