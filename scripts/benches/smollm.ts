import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import type { Measured } from './support/figures.ts';
import { parts } from './support/parts.ts';
import { peerParts } from './support/versusPeer.ts';

const program = fileURLToPath(import.meta.url);
const python = process.env.PALATE_PEER_PYTHON;
const all = { ...parts, ...(python === undefined ? {} : peerParts(python)) };

export const measurement: Measurement = {
  description:
    'SmolLM2-135M (its real weights, or random ones of its shape) with LoRA of rank 16 on all seven projections, float32 unless it says int8-base. GEMM rate: median of 20 MatMuls [1024, 576] × [576, 1536] in the same process, between the measured steps. Each part in a process of its own. Ratios to torch: ours and theirs in turns, the same shapes and threads.',
  async run(report) {
    if (python === undefined)
      report.note('PALATE_PEER_PYTHON names no Python with torch, transformers and peft: no ratios');
    for (const part of Object.keys(all)) {
      report.note(part);
      for (const { name, value, unit, bar } of await measureApart<Measured[]>(program, [part]))
        report.figure(name, value, unit, bar);
    }
  },
};

await serveApart(program, ([part]) => all[part]());
