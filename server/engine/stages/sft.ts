import { hiddenStates, outputMatrix, tokenInputs } from '../../../models/network.ts';
import { type Bucket, bucketFor, pack, type Row, suitedTo } from '../batches.ts';
import { initialParameters, Learner, type Trained, type TrainingGraph, trainedLayout } from '../learner.ts';
import { completionLoss } from '../losses/completion.ts';
import { adapterContext, loraKey, type Model } from '../model.ts';
import { scheduleFactor } from '../optim/schedule.ts';
import { freshOptimiser } from '../optimiser.ts';
import type { Recompute } from '../runtime.ts';
import { predictionRow, type Sequence } from '../sequences.ts';
import { targetsOf } from '../weights/adapters.ts';
import { type LearnerState, releasing, stepRows } from './common.ts';
import type { SftConfig } from './config.ts';
import type { Stage, StageEvent } from './stage.ts';

export type SftState = { step: number; tokens: number; readonly learner: LearnerState };

/**
 * Trains an adapter (or, for making a base, every weight) to give each sequence's response after its prompt. Only
 * response tokens count, each token of an optimiser batch the same, however the batch is cut into micro-batches.
 *
 * Metrics, with TRL's names: `loss` = mean −log π over the step's response tokens, nats; `grad_norm` before clipping;
 * `learning_rate`; `num_tokens` = response tokens so far; `epoch` = step · batchSize / rows.
 */
export function sftStage(
  model: Model,
  sequences: readonly Sequence[],
  config: SftConfig,
  options: { readonly seed: number; readonly train?: 'adapter' | 'base' },
): Stage<SftState> & { start(): SftState; learner(state: SftState): Learner } {
  const { seed } = options;
  const trained: Trained =
    options.train === 'base'
      ? { kind: 'base' }
      : {
          kind: 'adapter',
          lora: { rank: config.rank, targetModules: targetsOf(model.config, config.targetModules) },
          alpha: config.alpha,
        };
  const rows = sequences.map(predictionRow);
  const steps = config.epochs * Math.ceil(rows.length / config.batchSize);
  const open = (state: SftState) => new Learner(model, trained, state.learner, config);

  async function* updates(state: SftState, learner: Learner): AsyncGenerator<StageEvent, void> {
    const graph = sftGraph(model, trained, sftBucket(rows, config, seed), model.recomputes(config));
    while (state.step < steps) {
      const chosen = stepRows(rows.length, config.batchSize, state.step, seed);
      const tokens = chosen.reduce((sum, row) => sum + rows[row].reads.length, 0);
      let loss = 0;
      const batches = pack(
        chosen.map((row) => rows[row]),
        graph.bucket,
        { separate: !config.packing },
      );
      for (const [done, packed] of batches.entries()) {
        const target = new Int32Array(graph.bucket.reads);
        const weights = new Float32Array(graph.bucket.reads);
        for (const { row, start, count } of packed.rows) {
          target.set(sequences[chosen[row]].response, start);
          weights.fill(1 / tokens, start, start + count);
        }
        const outputs = await learner.accumulate(graph, packed, { target, weights, temperature: Float32Array.of(1) });
        loss += outputs.loss.data[0];
        if (done + 1 < batches.length) yield { kind: 'work', what: 'sft', done: state.step, total: steps };
      }
      const rate = config.learningRate * scheduleFactor(config.schedule, state.step, steps, config.warmupSteps);
      const { norm, notice } = await learner.update(rate);
      state.step++;
      state.tokens += tokens;
      const epoch = (state.step * config.batchSize) / rows.length;
      const metrics = { loss, grad_norm: norm, learning_rate: rate, num_tokens: state.tokens, epoch };
      yield { kind: 'step', step: state.step, steps, metrics };
      if (notice !== undefined) yield { kind: 'notice', message: notice };
    }
  }

  return {
    name: 'sft',
    run(state) {
      const learner = open(state);
      return releasing([learner], updates(state, learner));
    },
    learner: open,
    adapter: (state) => open(state).adapter(),
    start() {
      const layout = trainedLayout(model.config, trained);
      const parameters =
        trained.kind === 'base'
          ? Float32Array.from(layout.names.flatMap((name) => Array.from(model.feeds[name])))
          : initialParameters(layout, seed);
      return { step: 0, tokens: 0, learner: freshOptimiser(parameters) };
    },
  };
}

/** Updates are looked at to find the bucket that suits them. */
const sampledSteps = 64;

/** The bucket in which the updates of the first epoch take least. */
function sftBucket(rows: readonly Row[], { microBatchTokens, batchSize, packing }: SftConfig, seed: number): Bucket {
  const bucket = bucketFor(rows, microBatchTokens);
  if (rows.length === 0) return bucket;
  const steps = Math.min(sampledSteps, Math.ceil(rows.length / batchSize));
  const batches = Array.from({ length: steps }, (_, step) =>
    stepRows(rows.length, batchSize, step, seed).map((row) => rows[row]),
  );
  return suitedTo(batches, bucket, { separate: !packing });
}

function sftGraph(model: Model, trained: Trained, bucket: Bucket, recompute: Recompute): TrainingGraph {
  const lora = trained.kind === 'adapter' ? trained.lora : undefined;
  return {
    key: `sft/${trained.kind}/${loraKey(lora)}`,
    bucket,
    recompute,
    build(ops) {
      const context = trained.kind === 'base' ? ({ ops, train: 'base' } as const) : adapterContext(ops, lora);
      const hidden = hiddenStates(context, model.config, tokenInputs(ops, bucket.batch, bucket.time), {
        recompute: recompute === true,
      });
      const places = ops.gatherRows(hidden, ops.input('index', [bucket.reads], 'int32')); // [P, D]
      const target = ops.input('target', [bucket.reads], 'int32');
      const matrix = outputMatrix(context, model.config);
      const logps = ops.tokenLogProbability(places, matrix, target, ops.input('temperature', []));
      return { loss: completionLoss(ops, logps, ops.input('weights', [bucket.reads])) };
    },
  };
}
