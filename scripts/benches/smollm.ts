import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import type { Measured } from './support/figures.ts';
import { type PartName, parts } from './support/parts.ts';

export const measurement: Measurement = {
  description:
    'SmolLM2-135M (its real weights, or random ones of its shape) with LoRA of rank 16 on all seven projections, float32. GEMM rate: median of 20 MatMuls [1024, 576] × [576, 1536] in the same process, between the measured steps. Each part in a process of its own.',
  async run(report) {
    for (const part of Object.keys(parts)) {
      report.note(part);
      for (const { name, value, unit, bar } of await measureApart(part)) report.figure(name, value, unit, bar);
    }
  },
};

const program = fileURLToPath(import.meta.url);

/** Measures a part in a child process, which is this file started as a program. */
async function measureApart(part: string): Promise<Measured[]> {
  const child = fork(program, [part], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let figures: Measured[] | undefined;
  child.on('message', (message) => {
    figures = message as Measured[];
  });
  const [code, signal] = await once(child, 'exit');
  if (figures === undefined) throw new Error(`Measuring ${part} ended with ${signal ?? `code ${code}`}.`);
  return figures;
}

if (process.argv[1] === program && process.send !== undefined) {
  const figures = await parts[process.argv[2] as PartName]();
  process.send(figures, () => process.disconnect());
}
