import { join } from 'node:path';
import type { LlamaConfig } from '../../models/llama.ts';
import { weightShapes } from '../../models/network.ts';
import { parseConfig } from '../../server/config.ts';
import { Model } from '../../server/engine/model.ts';
import { viewsOf } from '../../server/engine/parameters.ts';
import { normal } from '../../server/engine/random.ts';
import { promptIds, responseIds } from '../../server/engine/sequences.ts';
import { sftConfig } from '../../server/engine/stages/config.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import { writeSafetensors } from '../../server/engine/weights/safetensors.ts';
import { createTokenizer } from '../../server/engine/weights/tokenizer.ts';
import { huggingFaceTokenizerSource } from '../../server/engine/weights/tokenizerSources.ts';
import type { WeightTensor } from '../../server/engine/weights/types.ts';
import { readCompletionRows } from '../../server/store/rows.ts';
import type { TinyTraining } from './regenerate.ts';

/** How the embedded model is trained: full parameters, one pass over the corpus. */
const settings = {
  learningRate: 3e-3,
  schedule: 'cosine',
  warmupSteps: 100,
  batchSize: 64,
  microBatchTokens: 2048,
  weightDecay: 0.01,
};

/** Trains every weight from random values by the project's own SFT, and writes model.safetensors in bfloat16. */
export async function trainTiny({ corpus, folder, config, seed }: TinyTraining): Promise<void> {
  const tokenizer = createTokenizer(huggingFaceTokenizerSource(folder, config.vocabulary));
  const weights = randomWeights(config, seed);
  const model = new Model({ path: folder, identity: 'random', config, weights, tokenizer });
  const sequences = readCompletionRows(corpus).map(({ prompt, completion, finished = true }) => ({
    prompt: promptIds(tokenizer, prompt),
    response: responseIds(tokenizer, completion, finished),
  }));
  const checked = parseConfig(sftConfig, settings, 'scripts/tiny/train.ts');
  const stage = sftStage(model, sequences, checked, { seed, train: 'base' });
  const state = stage.start();
  const began = performance.now();
  for await (const event of stage.run(state)) {
    if (event.kind !== 'step' || (event.step % 50 !== 0 && event.step !== event.steps)) continue;
    const seconds = Math.round((performance.now() - began) / 1000);
    process.stderr.write(`step ${event.step} of ${event.steps}: loss ${event.metrics.loss.toFixed(4)}, ${seconds} s\n`);
  }
  const { layout } = stage.learner(state);
  const views = viewsOf(layout, state.learner.parameters);
  const tensors = layout.names.map((name, k) => [name, { shape: layout.shapes[k], data: views[name] }] as const);
  writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors), { format: 'BF16' });
  await model.release();
}

/** Matrices from a normal distribution of deviation 0.02 (GPT-2's), gains of 1. */
function randomWeights(config: LlamaConfig, seed: number): Map<string, WeightTensor> {
  const entries = weightShapes(config).map(([name, shape], step): [string, WeightTensor] => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    const value = (row: number) => (shape.length === 1 ? 1 : 0.02 * normal({ seed, purpose: 'initialise', step, row }));
    return [name, { shape, data: Float32Array.from({ length: size }, (_, row) => value(row)) }];
  });
  return new Map(entries);
}
