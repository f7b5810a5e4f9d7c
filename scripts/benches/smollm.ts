import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import type { Measured } from './support/figures.ts';
import { parts } from './support/parts.ts';

const program = fileURLToPath(import.meta.url);

export const measurement: Measurement = {
  description:
    'SmolLM2-135M (its real weights, or random ones of its shape) with LoRA of rank 16 on all seven projections, float32. GEMM rate: median of 20 MatMuls [1024, 576] × [576, 1536] in the same process, between the measured steps. Each part in a process of its own.',
  async run(report) {
    for (const part of Object.keys(parts)) {
      report.note(part);
      for (const { name, value, unit, bar } of await measureApart<Measured[]>(program, [part]))
        report.figure(name, value, unit, bar);
    }
  },
};

await serveApart(program, ([part]) => parts[part]());
