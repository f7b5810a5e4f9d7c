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
import { rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
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
    'The demo on TensorFlow, one seed, at the bars of the demo on onnxruntime; and one SFT and one reward step of SmolLM2-135M-Instruct on both engines, each in a process of its own: LoRA of rank 16 on all seven projections, gradients of each tensor held against those of onnxruntime, max|a − b| / max|b|.',
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

type StageStep = 'sft' | 'reward';
const stageSteps: readonly StageStep[] = ['sft', 'reward'];

/** What a child tells; the gradients are in its file, sft's and reward's one after the other. */
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
  const ends = {
    sft: await firstStep(model, sft, sft.start(), fileOf(work, engine, 'sft')),
    reward: await firstStep(model, reward, reward.start(), fileOf(work, engine, 'reward')),
  };
  return { gigabytes: peakGigabytes(), ends };
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
async function firstStep<State extends SftState | RewardState>(
  model: Model,
  stage: Stage<State>,
  state: State,
  file: string,
): Promise<number[]> {
  const { parameters, first } = state.learner;
  parameters.forEach((value, row) => {
    if (value === 0) parameters[row] = 0.01 * normal({ seed: 1, purpose: 'initialise', step: 1, row });
  });
  for await (const { kind } of stage.run(state)) if (kind === 'step') break;
  writeFileSync(file, first);
  const lora = { rank: 16, targetModules: llamaModules };
  const head = stage.name === 'reward' ? { head: { learningRateFactor: 1 } } : {};
  const { offsets, size } = trainedLayout(model.config, { kind: 'adapter', lora, alpha: 32, ...head });
  return [...offsets.slice(1), size];
}
