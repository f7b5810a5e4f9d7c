import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import type { Measured } from './support/figures.ts';
import { generationParts } from './support/generationParts.ts';

const program = fileURLToPath(import.meta.url);

export const measurement: Measurement = {
  description:
    "SmolLM2-135M, answering. A rollout is 32 prompts of 32 tokens and 96 new ones each, sampled with a LoRA adapter of rank 16 on all seven projections, in float32 and with the base as bytes; Transformers with PEFT in float32 (the Python that PALATE_PEER_PYTHON names) does the same in turns with it, in the same minutes; ratios are medians over rounds. First token: an answer to a prompt of 30 tokens, the model loaded and its graphs open. Model ready: from the start of a process to a loaded model, with its file out of the system's cache (cold) and in it (warm).",
  async run(report) {
    for (const part of Object.keys(generationParts)) {
      report.note(part);
      for (const { name, value, unit, bar } of await measureApart<Measured[]>(program, [part]))
        report.figure(name, value, unit, bar);
    }
  },
};

await serveApart(program, ([part]) => generationParts[part]());
