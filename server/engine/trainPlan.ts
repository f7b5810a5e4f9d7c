import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseConfig } from '../config.ts';
import { chooseDevice, passedOver } from '../devices/choose.ts';
import { UserError } from '../errors.ts';
import { deviceFor, requirePrecision } from '../precision.ts';
import type { TrainParams } from '../protocol/engine.ts';
import type { CompletionRow, DeviceChoice, EngineName, PreferenceRow, StageName } from '../protocol/types.ts';
import { readCompletionRows, readPreferenceRows } from '../store/rows.ts';
import { initialParameters, trainedLayout } from './learner.ts';
import { LessMemory } from './lessMemory.ts';
import { holdModel, openAdapter, openModel } from './loadedModels.ts';
import { adapterBytes, estimateMemory, learnerVectors, type MemoryQuestion } from './memory/estimate.ts';
import { holdAdapters } from './memory/held.ts';
import { memoryQuestion } from './memory/question.ts';
import { Model } from './model.ts';
import { runtimeOn } from './onnx/device.ts';
import { threads } from './onnx/sessions.ts';
import { viewsOf } from './parameters.ts';
import { type AdapterPaths, openStage, type RunPlan, type StagePlan } from './run/plan.ts';
import { stageOrder } from './run/train.ts';
import type { Runtime } from './runtime.ts';
import { preferenceSequences, promptIds, responseIds, type Sequence } from './sequences.ts';
import { type TrainConfig, trainConfig } from './stages/config.ts';
import { ppoStage } from './stages/ppo.ts';
import { type Pair, rewardStage } from './stages/reward.ts';
import { sftStage } from './stages/sft.ts';
import { openTensorFlow } from './tensorflow/open.ts';
import { writeAdapter } from './weights/adapters.ts';
import { checkMemory, gigabytes } from './weights/memory.ts';
import type { Adapter } from './weights/types.ts';

/** Reads configuration, data and model, and says what each stage will do. Throws UserErrors before anything is written. */
export async function openPlan(params: TrainParams): Promise<RunPlan> {
  const { value = {}, source = 'the configuration' } = params.config ?? {};
  const config = parseConfig(trainConfig, value, source);
  const ppo = params.maxNewTokens === undefined ? config.ppo : { ...config.ppo, maxNewTokens: params.maxNewTokens };
  const data = readData(params);
  const [engine, precision] = [params.engine ?? config.engine, params.precision ?? config.precision];
  const device = params.device ?? config.device;
  requirePrecision(precision, engine, device);
  const chosen = await chooseRuntime(engine, deviceFor(precision, device), params.threads);
  const gpu = engine === 'onnx' ? await passedOver(precision, device) : undefined;
  const opened = await openModel(params.model, params.threads);
  // A view of the same weights: what else is asked of the model meanwhile goes on with onnxruntime, on the processor, in float32.
  const asOpened = chosen.runtime === undefined && precision === opened.precision;
  const own = asOpened ? opened : new Model(opened.base, { runtime: chosen.runtime, precision });
  const letGo = own === opened ? undefined : holdModel(own, () => own.runtime.weightBytes(own.base));
  const way = new LessMemory(own, opened, { sft: config.sft, reward: config.reward, ppo });
  const plans: Record<StageName, () => StagePlan> = {
    sft: () => sftPlan(way.model, way.configs.sft, data.completions, params),
    reward: () => rewardPlan(way.model, way.configs.reward, data.preferences, params),
    ppo: () => ppoPlan(way.model, way.configs.ppo, data.completions, params),
  };
  const wanted = params.stage === 'all' ? stageOrder : [params.stage];
  return {
    // Opened with what the stages before have left of the device's memory.
    stages: wanted.map((stage) => ({ ...plans[stage](), open: (previous) => plans[stage]().open(previous) })),
    base: { path: own.base.path, identity: own.base.identity },
    versions: { 'onnxruntime-node': versionOf('onnxruntime-node'), ...chosen.versions },
    engine: own.runtime.name,
    precision,
    device: own.runtime.device,
    get deviceTitle() {
      return way.model === own ? chosen.title : undefined;
    },
    notices: [...chosen.notices, gpu ?? []].flat(),
    threads: threads.count,
    settle: async () => own.runtime.memory?.settle(),
    lessMemory(stage, error) {
      const notice = way.after(stage, error);
      return notice === undefined ? undefined : { plan: plans[stage](), notice };
    },
    close: async () => {
      letGo?.();
      if (own !== opened) await own.release();
    },
    writeAdapter: (folder, adapter) => writeAdapter(folder, adapter, { baseModelPath: own.base.path }),
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
  checkTrainingMemory(model, 'sft', sequences, { sft: config });
  return {
    stage: 'sft',
    config,
    async open() {
      const stage = sftStage(model, sequences, config, { seed: params.seed ?? 0 });
      const close = holdAdapters({ policy: learnerVectors * adapterBytes(model.config, config.rank) });
      return openStage({ stage, initial: stage.start(), close });
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
    { reward: config },
  );
  return {
    stage: 'reward',
    config,
    async open(previous) {
      const from = previous.sft === undefined ? undefined : openAdapter(model, previous.sft);
      const stage = rewardStage(model, pairs, config, { seed: params.seed ?? 0, from });
      const rank = from?.rank ?? config.rank;
      const close = holdAdapters({ 'reward model': learnerVectors * adapterBytes(model.config, rank) });
      return openStage({ stage, initial: stage.start(), close });
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
  const sequences = prompts.map((prompt) => ({ prompt, response: [] }));
  checkTrainingMemory(model, 'ppo', sequences, { ppo: config });
  return {
    stage: 'ppo',
    config,
    async open(previous) {
      const { sft, reward } = ppoAdapters(model, previous, params);
      const stage = ppoStage(model, { prompts, sft, reward }, config, { seed: params.seed ?? 0 });
      const [one, other] = [sft, reward].map(({ rank }) => adapterBytes(model.config, rank));
      const close = holdAdapters({
        policy: learnerVectors * one,
        reference: one,
        critic: learnerVectors * other,
        'reward model': other,
      });
      return openStage({ stage, initial: stage.start(), close });
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

/** Said before the work begins, with what would fit. The base and the program are in memory already. */
function checkTrainingMemory(
  model: Model,
  use: StageName,
  sequences: readonly Sequence[],
  configured: Partial<Pick<TrainConfig, StageName>>,
): void {
  const stages = { ...parseConfig(trainConfig, {}, 'the defaults'), ...configured };
  const lengths = sequences.map(({ prompt, response }) => [prompt.length, prompt.length + response.length] as const);
  const longest = (at: 0 | 1) => lengths.reduce((most, length) => Math.max(most, length[at]), 1);
  const { config, runtime } = model;
  const basis = { config, engine: runtime.name, longestPrompt: longest(0), longestRow: longest(1) };
  const question = memoryQuestion(use, { stages }, basis);
  const need = (change: Partial<MemoryQuestion> = {}) => {
    const { secondCopy, adapters, graphs, answers } = estimateMemory({ ...question, ...change }).parts;
    return secondCopy + adapters + graphs + answers;
  };
  const { microBatchTokens, recompute } = question;
  checkMemory({
    what: `Training (${use}, micro-batches of ${Math.max(microBatchTokens, basis.longestRow)} tokens)`,
    bytes: need(),
    wouldFit: (available) => {
      const again = need({ recompute: true });
      if (model.recomputes({ recompute }) !== true && again <= available) {
        return `With "recompute": true it would need ${gigabytes(again)}.`;
      }
      return `Lower microBatchTokens (now ${microBatchTokens}); the longest row has ${basis.longestRow} tokens, which is the least.`;
    },
  });
}

interface ChosenRuntime {
  /** Undefined: the model's own. */
  readonly runtime?: Runtime;
  readonly versions?: Readonly<Record<string, string>>;
  /** Where it computes, as a person reads it. Absent: on the CPU. */
  readonly title?: string;
  readonly notices: readonly string[];
}

async function chooseRuntime(
  engine: EngineName,
  choice: DeviceChoice,
  threadCount = threads.count,
): Promise<ChosenRuntime> {
  if (engine === 'tensorflow') {
    const runtime = openTensorFlow(threadCount);
    const ignored = `The device ${choice} is onnxruntime's: TensorFlow trains where its own library does.`;
    const title = runtime.computesOnGpu ? 'GPU (TensorFlow)' : undefined;
    return {
      runtime,
      title,
      versions: runtime.versions,
      notices: choice === 'auto' || choice === 'cpu' ? [] : [ignored],
    };
  }
  const { device, title, notice } = await chooseDevice(choice);
  const runtime = device === 'cpu' ? undefined : runtimeOn(device);
  return {
    runtime,
    ...(runtime && { title }),
    notices: [notice ?? [], device === 'cpu' ? [] : `Training runs on ${title}.`].flat(),
  };
}

function versionOf(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
