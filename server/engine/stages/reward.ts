import { scalarHead } from '../../../models/heads.ts';
import { hiddenStates, tokenInputs } from '../../../models/network.ts';
import { type Bucket, bucketFor, pack } from '../batches.ts';
import { initialParameters, Learner, type Trained, type TrainingGraph, trainedLayout } from '../learner.ts';
import { bradleyTerryLoss, centringLoss } from '../losses/reward.ts';
import { adapterContext, loraKey, type Model } from '../model.ts';
import { scheduleFactor } from '../optim/schedule.ts';
import { freshOptimiser } from '../optimiser.ts';
import { uniform } from '../random.ts';
import { lastScores } from '../scoring.ts';
import { rewardRow, type Sequence } from '../sequences.ts';
import { REWARD_BIAS_KEY, targetsOf } from '../weights/adapters.ts';
import type { Adapter } from '../weights/types.ts';
import { deviation, type LearnerState, mean, releasing, stepRows, withoutHead } from './common.ts';
import type { RewardConfig } from './config.ts';
import type { Stage, StageEvent } from './stage.ts';

/** Mean and deviation of the rewards are taken over at most as many pairs. */
const normalisingPairs = 128;

/** One comparison. Pairs of one prompt share its `group`, so that no prompt is both trained on and held out. */
export interface Pair {
  readonly chosen: Sequence;
  readonly rejected: Sequence;
  readonly group: string;
  /** By how much the chosen response should lead; 0 where the label does not say. */
  readonly margin: number;
}

export type RewardState = {
  step: number;
  readonly learner: LearnerState;
  /** reward = gain · head + bias; set at the end, so that training rewards have mean 0 and deviation 1. */
  gain: number;
  bias: number;
};

/**
 * Fits a scalar head and an adapter to preferences. Metrics, with TRL's names: `loss` (Bradley–Terry plus centring, nats a
 * pair); `accuracy` = share of pairs whose chosen response leads; `margin` = mean lead; `mean_reward`; `grad_norm`;
 * `learning_rate`. At the end over held-out prompts: `eval_accuracy`, `eval_margin`, `eval_pairs`, and
 * `eval_calibration_error` = Σ over ten bins of σ(|lead|) of share · |mean σ(|lead|) − accuracy| (Guo et al. 2017).
 */
export function rewardStage(
  model: Model,
  pairs: readonly Pair[],
  config: RewardConfig,
  options: { readonly seed: number; readonly from?: Adapter },
): Stage<RewardState> & { start(): RewardState } {
  const { seed, from } = options;
  const rank = from?.rank ?? config.rank;
  const trained: Trained = {
    kind: 'adapter',
    lora: { rank, targetModules: from?.targetModules ?? targetsOf(model.config, config.targetModules) },
    alpha: from?.alpha ?? config.alpha,
    head: { learningRateFactor: config.headLearningRate / config.learningRate },
  };
  const { training, heldOut } = splitByPrompt(pairs, config.heldOut, seed);
  const steps = config.epochs * Math.ceil(training.length / config.batchSize);
  const open = (state: RewardState) => new Learner(model, trained, state.learner, config);

  async function* updates(state: RewardState, learner: Learner): AsyncGenerator<StageEvent, void> {
    const graph = rewardGraph(model, trained, pairBucket(training, config.microBatchTokens), config);
    while (state.step < steps) {
      const chosen = stepRows(training.length, config.batchSize, state.step, seed).map((k) => training[k]);
      const totals = { loss: 0, correct: 0, margin: 0, reward: 0 };
      for (const feeds of pairBatches(chosen, graph.bucket, 1 / chosen.length)) {
        const outputs = await learner.accumulate(graph, feeds.packed, feeds.feeds);
        totals.loss += outputs.loss.data[0];
        totals.correct += outputs.correct.data[0];
        totals.margin += outputs.margin.data[0];
        totals.reward += outputs.reward.data[0];
        yield { kind: 'work', what: 'reward', done: state.step, total: steps };
      }
      const rate = config.learningRate * scheduleFactor(config.schedule, state.step, steps, config.warmupSteps);
      const { norm, notice } = await learner.update(rate);
      state.step++;
      const { loss, correct, margin, reward } = totals;
      const metrics = { loss, accuracy: correct, margin, mean_reward: reward, grad_norm: norm, learning_rate: rate };
      yield { kind: 'step', step: state.step, steps, metrics };
      if (notice !== undefined) yield { kind: 'notice', message: notice };
    }
    const some = stepRows(training.length, normalisingPairs, 0, seed).map((k) => training[k]);
    const scores = yield* scored(learner, some, 'normalising');
    const spread = deviation(scores);
    state.gain = spread > 0 ? 1 / spread : 1;
    state.bias = -mean(scores) * state.gain;
    if (heldOut.length > 0) {
      const judged = yield* scored(learner, heldOut, 'evaluating');
      const leads = heldOut.map((_, k) => (judged[2 * k] - judged[2 * k + 1]) * state.gain);
      const raw = heldOut.map((_, k) => judged[2 * k] - judged[2 * k + 1]);
      yield { kind: 'metrics', step: state.step, metrics: { ...heldOutMetrics(leads), ...calibration(raw) } };
    }
  }

  /** Head outputs, chosen and rejected by turns. */
  async function* scored(
    learner: Learner,
    judged: readonly Pair[],
    what: string,
  ): AsyncGenerator<StageEvent, Float32Array> {
    const sequences = judged.flatMap(({ chosen, rejected }) => [chosen, rejected]);
    const scoring = lastScores(model, learner.active, sequences);
    for (;;) {
      const next = await scoring.next();
      if (next.done) return next.value;
      yield { kind: 'work', what, ...next.value };
    }
  }

  return {
    name: 'reward',
    run(state) {
      const learner = open(state);
      return releasing([learner], updates(state, learner));
    },
    adapter: (state) => open(state).adapter({ gain: state.gain, metadata: { [REWARD_BIAS_KEY]: String(state.bias) } }),
    start() {
      const parameters = initialParameters(trainedLayout(model.config, trained), seed, from && withoutHead(from));
      return { step: 0, learner: freshOptimiser(parameters), gain: 1, bias: 0 };
    },
  };
}

/** Whole prompts go to one side (design: never split by pair). The draw depends on the prompt alone, not on its row. */
export function splitByPrompt(
  pairs: readonly Pair[],
  share: number,
  seed: number,
): { training: Pair[]; heldOut: Pair[] } {
  const groups = [...new Set(pairs.map(({ group }) => group))];
  const ranked = groups
    .map((group, row) => ({ group, draw: uniform({ seed, purpose: 'split', step: 0, row }) }))
    .sort((a, b) => a.draw - b.draw);
  const held = new Set(ranked.slice(0, Math.floor(groups.length * share)).map(({ group }) => group));
  return {
    training: pairs.filter(({ group }) => !held.has(group)),
    heldOut: pairs.filter(({ group }) => held.has(group)),
  };
}

function pairBucket(pairs: readonly Pair[], tokens: number): Bucket {
  const rows = pairs.flatMap(({ chosen, rejected }) => [rewardRow(chosen), rewardRow(rejected)]);
  const bucket = bucketFor(rows, tokens);
  // A pair is never torn apart, so a bucket has at least two lines; each place read is one response.
  return { ...bucket, batch: Math.max(2, bucket.batch), reads: 64 };
}

interface PairFeeds {
  readonly packed: ReturnType<typeof pack>[number];
  readonly feeds: Record<string, Float32Array | Int32Array>;
}

/** Cuts pairs into micro-batches that fit the bucket. */
function* pairBatches(pairs: readonly Pair[], bucket: Bucket, weight: number): Generator<PairFeeds> {
  let rest = [...pairs];
  while (rest.length > 0) {
    let count = Math.min(rest.length, bucket.reads / 2);
    const rows = (n: number) =>
      rest.slice(0, n).flatMap(({ chosen, rejected }) => [rewardRow(chosen), rewardRow(rejected)]);
    while (count > 1 && pack(rows(count), bucket).length > 1) count--;
    const [packed] = pack(rows(count), bucket);
    const left = new Int32Array(bucket.reads / 2);
    const right = new Int32Array(bucket.reads / 2);
    const weights = new Float32Array(bucket.reads / 2);
    const margins = new Float32Array(bucket.reads / 2);
    for (const { row, start } of packed.rows) (row % 2 === 0 ? left : right)[row >> 1] = start;
    rest.slice(0, count).forEach(({ margin }, k) => {
      weights[k] = weight;
      margins[k] = margin;
    });
    rest = rest.slice(count);
    yield { packed, feeds: { chosen: left, rejected: right, weights, margins } };
  }
}

function rewardGraph(model: Model, trained: Trained, bucket: Bucket, config: RewardConfig): TrainingGraph {
  const lora = trained.kind === 'adapter' ? trained.lora : undefined;
  const { centringCoefficient } = config;
  const recompute = model.recomputes(config);
  const pairs = bucket.reads / 2;
  return {
    key: `reward/${loraKey(lora)}/${centringCoefficient}`,
    bucket,
    recompute,
    build(ops) {
      const context = adapterContext(ops, lora);
      const hidden = hiddenStates(context, model.config, tokenInputs(ops, bucket.batch, bucket.time), {
        recompute: recompute === true,
      });
      const places = ops.gatherRows(hidden, ops.input('index', [bucket.reads], 'int32')); // [P, D]
      const column = ops.reshape(scalarHead(ops, places), [bucket.reads, 1]);
      const side = (name: string) => ops.reshape(ops.gatherRows(column, ops.input(name, [pairs], 'int32')), [pairs]);
      const [chosen, rejected] = [side('chosen'), side('rejected')];
      const weights = ops.input('weights', [pairs]);
      const total = (x: typeof weights) => ops.sum(ops.mul(x, weights));
      const fit = bradleyTerryLoss(ops, { chosen, rejected, weights, margins: ops.input('margins', [pairs]) });
      const centring = ops.mul(centringLoss(ops, { chosen, rejected, weights }), centringCoefficient);
      return {
        loss: ops.add(fit, centring),
        correct: total(ops.toFloat(ops.less(rejected, chosen))),
        margin: total(ops.sub(chosen, rejected)),
        reward: ops.mul(total(ops.add(chosen, rejected)), 0.5),
      };
    },
  };
}

function heldOutMetrics(leads: readonly number[]): Record<string, number> {
  const correct = leads.filter((lead) => lead > 0).length + leads.filter((lead) => lead === 0).length / 2;
  return { eval_accuracy: correct / leads.length, eval_margin: mean(leads), eval_pairs: leads.length };
}

/** Leads are in nats here (head outputs before the gain), because σ(lead) is the model's probability of the label. */
function calibration(leads: readonly number[]): { eval_calibration_error: number } {
  const bins = Array.from({ length: 10 }, () => ({ count: 0, confidence: 0, correct: 0 }));
  for (const lead of leads) {
    const confidence = 1 / (1 + Math.exp(-Math.abs(lead)));
    const bin = bins[Math.min(9, Math.floor((confidence - 0.5) * 20))];
    bin.count++;
    bin.confidence += confidence;
    bin.correct += lead > 0 ? 1 : 0;
  }
  const error = bins.reduce((sum, { confidence, correct }) => sum + Math.abs(confidence - correct), 0);
  return { eval_calibration_error: error / leads.length };
}
