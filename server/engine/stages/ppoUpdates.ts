import { scalarHead } from '../../../models/heads.ts';
import { hiddenStates, outputMatrix, tokenInputs } from '../../../models/network.ts';
import { type Bucket, cheapestLines, linesFor, pack, readsFor } from '../batches.ts';
import type { Learner, Trained, TrainingGraph } from '../learner.ts';
import { clippedPolicyLoss, clippedValueLoss } from '../losses/ppo.ts';
import { adapterContext, loraKey, type Model } from '../model.ts';
import { predictionRow } from '../sequences.ts';
import type { PpoConfig } from './config.ts';
import type { RolloutRow } from './rollout.ts';
import type { StageEvent } from './stage.ts';

/** One bucket for all updates of a run: any response to any prompt fits. */
export function ppoBucket(prompts: readonly (readonly number[])[], config: PpoConfig): Bucket {
  const longest = prompts.reduce((length, prompt) => Math.max(length, prompt.length), 1);
  const { batch: most, time } = linesFor(longest + config.maxNewTokens, config.microBatchTokens);
  // No response needs more than a line, and an update has no more of them than this.
  const batch = cheapestLines(Math.min(most, config.batchSize), (lines) => Math.ceil(config.batchSize / lines));
  return { batch, time, reads: readsFor(batch * config.maxNewTokens) };
}

export function policyGraph(model: Model, trained: Trained, bucket: Bucket, config: PpoConfig): TrainingGraph {
  const lora = trained.kind === 'adapter' ? trained.lora : undefined;
  const { clipRange, entropyCoefficient } = config;
  const recompute = model.recomputes(config);
  const { batch, time, reads } = bucket;
  return {
    key: `ppo/policy/${loraKey(lora)}/${clipRange}/${entropyCoefficient}`,
    bucket,
    recompute,
    build(ops) {
      const context = adapterContext(ops, lora);
      const hidden = hiddenStates(context, model.config, tokenInputs(ops, batch, time), {
        recompute: recompute === true,
      });
      const places = ops.gatherRows(hidden, ops.input('index', [reads], 'int32')); // [P, D]
      const matrix = outputMatrix(context, model.config);
      const temperature = ops.input('temperature', []);
      const logps = ops.tokenLogProbability(places, matrix, ops.input('target', [reads], 'int32'), temperature);
      const weights = ops.input('weights', [reads]);
      const inputs = {
        logps,
        oldLogps: ops.input('oldLogps', [reads]),
        advantages: ops.input('advantages', [reads]),
        weights,
      };
      const { loss, ...figures } = clippedPolicyLoss(ops, inputs, clipRange);
      if (entropyCoefficient === 0) return { loss, ...figures };
      const entropy = ops.sum(ops.mul(ops.tokenEntropy(places, matrix, temperature), weights));
      return { loss: ops.sub(loss, ops.mul(entropy, entropyCoefficient)), entropy, ...figures };
    },
  };
}

export function criticGraph(model: Model, trained: Trained, bucket: Bucket, config: PpoConfig): TrainingGraph {
  const lora = trained.kind === 'adapter' ? trained.lora : undefined;
  const { valueClipRange } = config;
  const recompute = model.recomputes(config);
  const { batch, time, reads } = bucket;
  return {
    key: `ppo/critic/${loraKey(lora)}/${valueClipRange}`,
    bucket,
    recompute,
    build(ops) {
      const context = adapterContext(ops, lora);
      const hidden = hiddenStates(context, model.config, tokenInputs(ops, batch, time), {
        recompute: recompute === true,
      });
      const values = scalarHead(ops, ops.gatherRows(hidden, ops.input('index', [reads], 'int32'))); // [P]
      const inputs = { values, oldValues: ops.input('oldValues', [reads]), returns: ops.input('returns', [reads]) };
      return clippedValueLoss(ops, { ...inputs, weights: ops.input('weights', [reads]) }, valueClipRange);
    },
  };
}

/** One optimiser batch of the policy: gradients added up, figures averaged over its response tokens. */
export async function* accumulatePolicy(
  policy: Learner,
  graph: TrainingGraph,
  rows: readonly RolloutRow[],
  config: PpoConfig,
): AsyncGenerator<StageEvent, Record<string, number>> {
  const temperature = Float32Array.of(config.temperature);
  return yield* accumulate(policy, graph, rows, {
    what: 'updating the policy',
    names: {
      'loss/policy_avg': 'loss',
      'policy/approxkl_avg': 'approximateKl',
      'policy/clipfrac_avg': 'clipFraction',
      'val/ratio': 'ratio',
      'policy/entropy_avg': 'entropy',
    },
    feeds: (reads) => ({
      temperature,
      target: new Int32Array(reads),
      oldLogps: new Float32Array(reads),
      advantages: new Float32Array(reads),
    }),
    fill(feeds, { response, oldLogps, advantages }, start) {
      feeds.target.set(response, start);
      feeds.oldLogps.set(oldLogps, start);
      feeds.advantages.set(advantages, start);
    },
  });
}

/** The same for the critic; `offset` is what its values have beyond the head's output. */
export async function* accumulateCritic(
  critic: Learner,
  graph: TrainingGraph,
  rows: readonly RolloutRow[],
  offset: number,
): AsyncGenerator<StageEvent, Record<string, number>> {
  return yield* accumulate(critic, graph, rows, {
    what: 'updating the critic',
    names: { 'loss/value_avg': 'loss', 'val/clipfrac_avg': 'clipFraction' },
    feeds: (reads) => ({ oldValues: new Float32Array(reads), returns: new Float32Array(reads) }),
    fill(feeds, { oldValues, returns }, start) {
      feeds.oldValues.set(
        oldValues.map((value) => value - offset),
        start,
      );
      feeds.returns.set(
        returns.map((value) => value - offset),
        start,
      );
    },
  });
}

interface UpdateKind {
  readonly what: string;
  /** Metric name → output of the graph. */
  readonly names: Readonly<Record<string, string>>;
  readonly feeds: (reads: number) => Record<string, Float32Array | Int32Array>;
  readonly fill: (feeds: Record<string, Float32Array | Int32Array>, row: RolloutRow, start: number) => void;
}

async function* accumulate(
  learner: Learner,
  graph: TrainingGraph,
  rows: readonly RolloutRow[],
  kind: UpdateKind,
): AsyncGenerator<StageEvent, Record<string, number>> {
  const tokens = rows.reduce((sum, { response }) => sum + response.length, 0);
  const figures: Record<string, number> = {};
  const batches = pack(rows.map(predictionRow), graph.bucket);
  for (const [done, packed] of batches.entries()) {
    const weights = new Float32Array(graph.bucket.reads);
    const feeds = kind.feeds(graph.bucket.reads);
    for (const { row, start, count } of packed.rows) {
      weights.fill(1 / tokens, start, start + count);
      kind.fill(feeds, rows[row], start);
    }
    const outputs = await learner.accumulate(graph, packed, { ...feeds, weights });
    for (const [metric, output] of Object.entries(kind.names)) {
      if (outputs[output] !== undefined) figures[metric] = (figures[metric] ?? 0) + outputs[output].data[0];
    }
    if (done + 1 < batches.length) yield { kind: 'work', what: kind.what, done: done + 1, total: batches.length };
  }
  return figures;
}
