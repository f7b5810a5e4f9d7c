import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { llamaModules } from '../../models/llama.ts';
import { parseConfig } from '../../server/config.ts';
import { instructPrompts } from '../../server/demo/instructPrompts.ts';
import { trainedLayout } from '../../server/engine/learner.ts';
import { Model } from '../../server/engine/model.ts';
import { onnx } from '../../server/engine/onnx/program.ts';
import { normal } from '../../server/engine/random.ts';
import { promptIds } from '../../server/engine/sequences.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { type PpoInputs, type PpoState, ppoStage } from '../../server/engine/stages/ppo.ts';
import { type Pair, type RewardState, rewardStage } from '../../server/engine/stages/reward.ts';
import { type SftState, sftStage } from '../../server/engine/stages/sft.ts';
import type { Stage } from '../../server/engine/stages/stage.ts';
import { openTensorFlow } from '../../server/engine/tensorflow/open.ts';
import { loadBaseModel } from '../../server/engine/weights/load.ts';
import { UserError } from '../../server/errors.ts';
import { type EngineName, engineNames } from '../../server/protocol/types.ts';
import { relativeError } from '../../test/support/close.ts';
import { testData } from '../../test/support/testData.ts';
import { peakGigabytes } from '../benches/support/figures.ts';
import type { Measurement, Report } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import { proveDemo } from './support/demo.ts';

const program = fileURLToPath(import.meta.url);

export const measurement: Measurement = {
  description:
    'The demo on TensorFlow, one seed, at the bars of the demo on onnxruntime; and one step of SFT, of the reward model, and of policy and critic of PPO on SmolLM2-135M-Instruct on both engines, each engine in a process of its own: LoRA of rank 16 on all seven projections, gradients of each tensor held against those of onnxruntime, max|a − b| / max|b|.',
  async run(report) {
    const work = mkdtempSync(join(tmpdir(), 'palate-prove-tensorflow-'));
    try {
      await proveDemo(report, { seed: 1, engine: 'tensorflow', out: join(work, 'demo'), seconds: 360 });
      await proveGradients(report, work);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

type StageStep = 'sft' | 'reward' | 'policy' | 'critic';
const stageSteps: readonly StageStep[] = ['sft', 'reward', 'policy', 'critic'];

/** What a child tells; the gradients are in a file a step, one tensor after the other. */
interface Told {
  readonly gigabytes: number;
  /** Where each tensor's gradient ends. */
  readonly ends: Readonly<Record<StageStep, readonly number[]>>;
}

async function proveGradients(report: Report, work: string): Promise<void> {
  const told: Partial<Record<EngineName, Told>> = {};
  for (const engine of engineNames) {
    report.note(`SmolLM2-135M-Instruct: gradients on ${engine}`);
    told[engine] = await measureApart<Told>(program, [engine, work]);
  }
  for (const step of stageSteps) {
    const [found, expected] = [gradientsIn(work, 'tensorflow', step), gradientsIn(work, 'onnx', step)];
    let [worst, start] = [0, 0];
    for (const end of told.onnx!.ends[step]) {
      worst = Math.max(worst, relativeError(found.subarray(start, end), expected.subarray(start, end)));
      start = end;
    }
    report.figure(`${step} step: worst gradient, tensorflow against onnx`, worst, '', { max: 1e-3 });
  }
  report.figure('peak memory, tensorflow', told.tensorflow!.gigabytes, 'GB', { max: 4 });
  report.figure('peak memory, onnx', told.onnx!.gigabytes, 'GB');
}

const fileOf = (work: string, engine: string, step: StageStep) => join(work, `${engine}-${step}`);

function gradientsIn(work: string, engine: EngineName, step: StageStep): Float32Array {
  const bytes = readFileSync(fileOf(work, engine, step));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

await serveApart(program, ([engine, work]) => step(engine as EngineName, work));

async function step(engine: EngineName, work: string): Promise<Told> {
  const folder = testData('SmolLM2-135M-Instruct');
  if (folder === undefined) throw new UserError('The folder SmolLM2-135M-Instruct is not in PALATE_TEST_DATA.');
  const base = await loadBaseModel(join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf'));
  const model = new Model(base, { runtime: engine === 'onnx' ? onnx : openTensorFlow(availableParallelism()) });
  const settings = { batchSize: 8, rank: 16, microBatchTokens: 1024 };
  const pairs = realPairs(model);
  const rows = pairs.map(({ chosen }) => chosen);
  const sft = sftStage(model, rows, parseConfig(sftConfig, settings, 'the proof'), { seed: 1 });
  const judging = parseConfig(rewardConfig, { ...settings, heldOut: 0 }, 'the proof');
  const reward = rewardStage(model, pairs, judging, { seed: 1 });
  const [started, judged] = [begun(sft.start()), begun(reward.start())];
  // Before they move: PPO starts from adapters as they begin.
  const adapters = { sft: sft.adapter(started), reward: reward.adapter(judged) };
  const file = (step: StageStep) => fileOf(work, engine, step);
  for (const [stage, state] of [
    [sft, started],
    [reward, judged],
  ] as const) {
    for await (const { kind } of (stage as Stage<SftState | RewardState>).run(state)) if (kind === 'step') break;
    writeFileSync(file(stage.name as StageStep), state.learner.first);
  }
  const { policy, critic } = await firstPpoSteps(model, pairs, adapters);
  writeFileSync(file('policy'), policy.first);
  writeFileSync(file('critic'), critic.first);
  const [plain, headed] = [endsOf(model, false), endsOf(model, true)];
  return { gigabytes: peakGigabytes(), ends: { sft: plain, reward: headed, policy: plain, critic: headed } };
}

/** One update of the policy, then one of the critic, on eight responses that onnxruntime samples for either engine. */
async function firstPpoSteps(
  model: Model,
  pairs: readonly Pair[],
  adapters: Pick<PpoInputs, 'sft' | 'reward'>,
): Promise<PpoState> {
  const sizes = { rolloutBatch: 8, batchSize: 8, maxNewTokens: 24, microBatchTokens: 1024 };
  const settings = { ...sizes, iterations: 1, policyEpochs: 1, criticEpochs: 1 };
  const prompts = pairs.map(({ chosen }) => chosen.prompt);
  const stage = ppoStage(model, { prompts, ...adapters }, parseConfig(ppoConfig, settings, 'the proof'), { seed: 1 });
  const state = stage.start();
  for await (const _event of stage.run(state));
  return state;
}

/** Eight comparisons of real text; which is better does not matter here. */
function realPairs({ tokenizer }: Model): Pair[] {
  const texts = instructPrompts.train;
  return Array.from({ length: 8 }, (_, k) => {
    const prompt = promptIds(tokenizer, [{ role: 'user', content: texts[k] }]);
    const response = (from: number) => tokenizer.encode(texts.slice(from, from + 6).join(' ')).slice(0, 64);
    const sequences = {
      chosen: { prompt, response: response(20 + 12 * k) },
      rejected: { prompt, response: response(26 + 12 * k) },
    };
    return { ...sequences, group: String(k), margin: 0 };
  });
}

/**
 * After one step Adam's first moment is the gradient, clipped and times 1 − β₁: the same factor in every entry. A fresh
 * adapter has B = 0, and then no gradient reaches A: so B, and a reward model's head, begin with small random numbers.
 */
function begun<State extends SftState | RewardState>(state: State): State {
  const { parameters } = state.learner;
  parameters.forEach((value, row) => {
    if (value === 0) parameters[row] = 0.01 * normal({ seed: 1, purpose: 'initialise', step: 1, row });
  });
  return state;
}

/** Where each tensor of an adapter ends in its flat vector. */
function endsOf(model: Model, isHeaded: boolean): number[] {
  const lora = { rank: 16, targetModules: llamaModules };
  const head = isHeaded ? { head: { learningRateFactor: 1 } } : {};
  const { offsets, size } = trainedLayout(model.config, { kind: 'adapter', lora, alpha: 32, ...head });
  return [...offsets.slice(1), size];
}
