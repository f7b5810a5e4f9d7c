import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Model } from '../../server/engine/model.ts';
import { onnx } from '../../server/engine/onnx/program.ts';
import { openTensorFlow } from '../../server/engine/tensorflow/open.ts';
import { loadBaseModel } from '../../server/engine/weights/load.ts';
import { packageRoot } from '../../server/paths.ts';
import { type EngineName, engineNames } from '../../server/protocol/types.ts';
import type { Measurement } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import { type Measured, type Parts, peakGigabytes } from './support/figures.ts';
import { openSmollm } from './support/smollm.ts';
import { batch, time, trainingStep } from './support/step.ts';

const program = fileURLToPath(import.meta.url);

export const measurement: Measurement = {
  description:
    'SFT steps of 8 rows of 128 tokens, LoRA of rank 16 on all seven projections, float32, on both engines: the embedded model, and SmolLM2-135M (its real weights, or random ones of its shape). Layers are recomputed on TensorFlow; on onnxruntime they are kept, and recomputed in a row of their own. Each row in a process of its own.',
  async run(report) {
    const ratios: Record<string, number> = {};
    for (const part of Object.keys(parts)) {
      report.note(part);
      for (const { name, value, unit, bar } of await measureApart<Measured[]>(program, [part])) {
        report.figure(name, value, unit, bar);
        if (unit === 'tokens/s') ratios[name] = value;
      }
    }
    for (const model of ['embedded model', 'SmolLM2-135M']) {
      const [onnxRate, other] = engineNames.map((engine) => ratios[`${model}, ${engine}: training`]);
      report.figure(`${model}: onnx / tensorflow`, onnxRate / other, '');
    }
  },
};

const models = {
  'embedded model': async (engine: EngineName) =>
    new Model(await loadBaseModel(join(packageRoot(), 'models', 'tiny')), { runtime: runtimeOf(engine) }),
  'SmolLM2-135M': (engine: EngineName) => openSmollm({ runtime: runtimeOf(engine) }),
};

const runtimeOf = (engine: EngineName) => (engine === 'onnx' ? onnx : openTensorFlow(availableParallelism()));

const parts: Parts = Object.fromEntries(
  Object.entries(models).flatMap(([name, open]) => [
    ...engineNames.map(
      (engine) => [`${name}, ${engine}`, () => row(`${name}, ${engine}`, open(engine), false)] as const,
    ),
    [`${name}, onnx, recomputed`, () => row(`${name}, onnx, recomputed`, open('onnx'), true)] as const,
  ]),
);

async function row(name: string, opening: Promise<Model>, recompute: boolean): Promise<Measured[]> {
  const { seconds } = await trainingStep(await opening, recompute);
  return [
    { name: `${name}: step`, value: seconds, unit: 's' },
    { name: `${name}: training`, value: (batch * time) / seconds, unit: 'tokens/s' },
    { name: `${name}: peak memory`, value: peakGigabytes(), unit: 'GB' },
  ];
}

await serveApart(program, ([part]) => parts[part]());
