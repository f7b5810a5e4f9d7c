import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseConfig } from '../config.ts';
import { UserError } from '../errors.ts';
import { requirePrecision } from '../precision.ts';
import type { TrainParams } from '../protocol/engine.ts';
import type { CompletionRow, EngineName, PreferenceRow, StageName } from '../protocol/types.ts';
import { readCompletionRows, readPreferenceRows } from '../store/rows.ts';
import { initialParameters, trainedLayout } from './learner.ts';
import { openAdapter, openModel } from './loadedModels.ts';
import { Model } from './model.ts';
import { threads } from './onnx/sessions.ts';
import { viewsOf } from './parameters.ts';
import { type AdapterPaths, openStage, type RunPlan, type StagePlan } from './run/plan.ts';
import { stageOrder } from './run/train.ts';
import type { Recompute } from './runtime.ts';
import { preferenceSequences, promptIds, responseIds, type Sequence } from './sequences.ts';
import { type TrainConfig, trainConfig } from './stages/config.ts';
import { ppoStage } from './stages/ppo.ts';
import { type Pair, rewardStage } from './stages/reward.ts';
import { sftStage } from './stages/sft.ts';
import { openTensorFlow } from './tensorflow/open.ts';
import type { TensorFlowRuntime } from './tensorflow/program.ts';
import { writeAdapter } from './weights/adapters.ts';
import { activationBytes, checkMemory, gigabytes, type Kept, keptBy } from './weights/memory.ts';
import type { Adapter } from './weights/types.ts';

/** Reads configuration, data and model, and says what each stage will do. Throws UserErrors before anything is written. */
export async function openPlan(params: TrainParams): Promise<RunPlan> {
  const { value = {}, source = 'the configuration' } = params.config ?? {};
  const config = parseConfig(trainConfig, value, source);
  const ppo = params.maxNewTokens === undefined ? config.ppo : { ...config.ppo, maxNewTokens: params.maxNewTokens };
  const data = readData(params);
  const [engine, precision] = [params.engine ?? config.engine, params.precision ?? config.precision];
  requirePrecision(precision, engine);
  const runtime = openRuntime(engine, params.threads);
  const opened = await openModel(params.model, params.threads);
  // A view of the same weights: what else is asked of the model meanwhile goes on with onnxruntime, in float32.
  const asOpened = runtime === undefined && precision === opened.precision;
  const model = asOpened ? opened : new Model(opened.base, { runtime, precision });
  const plans: Record<StageName, () => StagePlan> = {
    sft: () => sftPlan(model, config.sft, data.completions, params),
    reward: () => rewardPlan(model, config.reward, data.preferences, params),
    ppo: () => ppoPlan(model, ppo, data.completions, params),
  };
  const stages = (params.stage === 'all' ? stageOrder : [params.stage]).map((stage) => plans[stage]());
  return {
    stages,
    base: { path: model.base.path, identity: model.base.identity },
    versions: { 'onnxruntime-node': versionOf('onnxruntime-node'), ...runtime?.versions },
    engine: model.runtime.name,
    precision,
    threads: threads.count,
    close: async () => {
      if (model !== opened) await model.release();
    },
    writeAdapter: (folder, adapter) => writeAdapter(folder, adapter, { baseModelPath: model.base.path }),
  };
}

interface Data {
  readonly completions: readonly CompletionRow[];
  readonly preferences: readonly PreferenceRow[];
}

function readData({ stage, data }: TrainParams): Data {
  if (stage === 'sft') return { completions: readCompletionRows(data), preferences: [] };
  const preferences = readPreferenceRows(data);
  const completions = preferences.map(({ prompt, chosen, chosenFinished }) => ({
    prompt,
    completion: chosen,
    finished: chosenFinished,
  }));
  return { completions, preferences };
}

function sftPlan(
  model: Model,
  config: TrainConfig['sft'],
  rows: readonly CompletionRow[],
  params: TrainParams,
): StagePlan {
  const sequences = rows.map(({ prompt, completion, finished = true }, k) =>
    checked(model, params.data, k, {
      prompt: promptIds(model.tokenizer, prompt),
      response: responseIds(model.tokenizer, completion, finished),
    }),
  );
  checkTrainingMemory(model, 'sft', sequences, config);
  return {
    stage: 'sft',
    config,
    async open() {
      const stage = sftStage(model, sequences, config, { seed: params.seed ?? 0 });
      return openStage({ stage, initial: stage.start() });
    },
  };
}

function rewardPlan(
  model: Model,
  config: TrainConfig['reward'],
  rows: readonly PreferenceRow[],
  params: TrainParams,
): StagePlan {
  const pairs = rows.map((row, k): Pair => {
    const { chosen, rejected } = preferenceSequences(model.tokenizer, row);
    for (const sequence of [chosen, rejected]) checked(model, params.data, k, sequence);
    return { chosen, rejected, group: JSON.stringify(row.prompt), margin: row.margin ?? 0 };
  });
  checkTrainingMemory(
    model,
    'reward',
    pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]),
    config,
  );
  return {
    stage: 'reward',
    config,
    async open(previous) {
      const from = previous.sft === undefined ? undefined : openAdapter(model, previous.sft);
      const stage = rewardStage(model, pairs, config, { seed: params.seed ?? 0, from });
      return openStage({ stage, initial: stage.start() });
    },
  };
}

function ppoPlan(
  model: Model,
  config: TrainConfig['ppo'],
  rows: readonly CompletionRow[],
  params: TrainParams,
): StagePlan {
  const distinct = new Map(rows.map(({ prompt }) => [JSON.stringify(prompt), prompt]));
  const prompts = [...distinct.values()].map((prompt, k) => {
    const ids = promptIds(model.tokenizer, prompt);
    checked(model, params.data, k, { prompt: ids, response: Array.from({ length: config.maxNewTokens }, () => 0) });
    return ids;
  });
  return {
    stage: 'ppo',
    config,
    async open(previous) {
      const { sft, reward } = ppoAdapters(model, previous, params);
      const stage = ppoStage(model, { prompts, sft, reward }, config, { seed: params.seed ?? 0 });
      return openStage({ stage, initial: stage.start() });
    },
  };
}

/** The reward model is needed; without an SFT adapter the policy starts from the bare base. */
function ppoAdapters(model: Model, previous: AdapterPaths, params: TrainParams): { sft: Adapter; reward: Adapter } {
  if (previous.reward === undefined) {
    throw new UserError(
      `${params.out} has no reward model (folder "reward"). Train one first: --stage reward, or --stage all.`,
    );
  }
  const reward = openAdapter(model, previous.reward);
  if (previous.sft !== undefined) return { sft: openAdapter(model, previous.sft), reward };
  const { rank, alpha, targetModules } = reward;
  const layout = trainedLayout(model.config, { kind: 'adapter', lora: { rank, targetModules }, alpha });
  const views = viewsOf(layout, initialParameters(layout, params.seed ?? 0));
  const tensors = new Map(layout.names.map((name, k) => [name, { shape: layout.shapes[k], data: views[name] }]));
  return { sft: { rank, alpha, targetModules, task: 'CAUSAL_LM', tensors, metadata: {} }, reward };
}

function checked(model: Model, file: string, row: number, sequence: Sequence): Sequence {
  const tokens = sequence.prompt.length + sequence.response.length;
  const { maxPositions } = model.config;
  if (tokens > maxPositions) {
    throw new UserError(
      `${file}: row ${row + 1} has ${tokens} tokens with its prompt; the model reads at most ${maxPositions}. Shorten it or leave it out.`,
    );
  }
  if (sequence.prompt.length === 0) {
    throw new UserError(`${file}: the prompt of row ${row + 1} has no tokens. Write something there.`);
  }
  return sequence;
}

/** Said before the work begins, with what would fit. */
function checkTrainingMemory(
  model: Model,
  what: StageName,
  sequences: readonly Sequence[],
  config: { readonly microBatchTokens: number; readonly recompute: Recompute },
): void {
  const { microBatchTokens } = config;
  const recompute = model.recomputes(config);
  const longest = sequences.reduce((most, { prompt, response }) => Math.max(most, prompt.length + response.length), 1);
  const need = (tokens: number, how: Kept) =>
    activationBytes(model.config, Math.max(tokens, longest), how) + model.runtime.weightBytes(model.base);
  const bytes = need(microBatchTokens, keptBy(recompute));
  checkMemory({
    what: `Training (${what}, micro-batches of ${Math.max(microBatchTokens, longest)} tokens)`,
    bytes,
    wouldFit: (available) => {
      if (recompute !== true && need(microBatchTokens, 'recompute') <= available) {
        return `With "recompute": true it would need ${gigabytes(need(microBatchTokens, 'recompute'))}.`;
      }
      return `Lower microBatchTokens (now ${microBatchTokens}); the longest row has ${longest} tokens, which is the least.`;
    },
  });
}

/** Undefined: the model's own. */
function openRuntime(engine: EngineName, threadCount = threads.count): TensorFlowRuntime | undefined {
  return engine === 'tensorflow' ? openTensorFlow(threadCount) : undefined;
}

function versionOf(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
