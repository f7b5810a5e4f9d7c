import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemoryUse } from '../../server/engine/memory/estimate.ts';
import { UserError } from '../../server/errors.ts';
import { packageRoot } from '../../server/paths.ts';
import type { EngineName } from '../../server/protocol/types.ts';
import { testData } from '../../test/support/testData.ts';
import type { Measurement, Report } from '../measure.ts';
import { measuredPeak, memoryRows, predictedPeak } from './support/memoryRuns.ts';

/** Scoring and generating are onnxruntime's whatever trains. */
const ways: readonly { engine: EngineName; recompute: boolean; name: string; uses: readonly MemoryUse[] }[] = [
  { engine: 'onnx', recompute: false, name: 'onnx', uses: ['sft', 'reward', 'ppo', 'score', 'generate'] },
  { engine: 'onnx', recompute: true, name: 'onnx, recomputed', uses: ['sft', 'reward', 'ppo'] },
  { engine: 'tensorflow', recompute: true, name: 'tensorflow', uses: ['sft', 'reward', 'ppo'] },
];

export const measurement: Measurement = {
  description:
    "The peak of memory that the doctor and *Train…* predict, divided by what the engine's process held at its peak: two steps of each stage in a process of its own, on the embedded model and SmolLM2-135M-Instruct.",
  async run(report) {
    const folder = testData('SmolLM2-135M-Instruct');
    if (folder === undefined) throw new UserError('The folder SmolLM2-135M-Instruct is not in PALATE_TEST_DATA.');
    await proveModel(report, 'embedded model', join(packageRoot(), 'models', 'tiny'));
    await proveModel(report, 'SmolLM2-135M', join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf'));
  },
};

async function proveModel(report: Report, title: string, model: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'palate-prove-memory-'));
  try {
    for (const { engine, recompute, name, uses } of ways) {
      const folder = join(work, name.replaceAll(', ', '-'));
      mkdirSync(folder);
      for (const use of uses) {
        report.note(`${title}, ${name}: ${use}`);
        const run = { model, engine, use, recompute, folder, rows: memoryRows() };
        const [measured, predicted] = [await measuredPeak(run), predictedPeak(run)];
        report.figure(`${title}, ${name}, ${use}: measured`, measured / 1e9, 'GB');
        report.figure(`${title}, ${name}, ${use}: predicted / measured`, predicted / measured, '', {
          min: 0.8,
          max: 1.2,
        });
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
