import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type LlamaConfig, llamaModules } from '../../../models/llama.ts';
import { type ModelConfig, weightShapes } from '../../../models/network.ts';
import { initialParameters, trainedLayout } from '../../../server/engine/learner.ts';
import { Model, type ModelOptions } from '../../../server/engine/model.ts';
import { viewsOf } from '../../../server/engine/parameters.ts';
import { uniform } from '../../../server/engine/random.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import type { Adapter, BaseModel, Tokenizer } from '../../../server/engine/weights/types.ts';
import { testData } from '../../../test/support/testData.ts';

/** SmolLM2-135M (HuggingFaceTB). */
export const shape: LlamaConfig = {
  layers: 30,
  width: 576,
  heads: 9,
  keyValueHeads: 3,
  headWidth: 64,
  feedForward: 1536,
  vocabulary: 49152,
  ropeTheta: 1e5,
  normEpsilon: 1e-5,
  tiedEmbedding: true,
  maxPositions: 8192,
};

export const lora = { rank: 16, targetModules: llamaModules };
export const alpha = 32;

/** Token ids stand for themselves, and no token ends an answer: every run does the same work. */
const tokenizer: Tokenizer = {
  encode: () => [],
  decode: (ids) => ids.join(' '),
  encodeChat: () => [],
  hasChatTemplate: false,
  endIds: [],
  size: shape.vocabulary,
};

/** Notes how long each session took to come open. */
export class TimedModel extends Model {
  readonly sessionSeconds: number[] = [];

  override async session(...parts: Parameters<Model['session']>): ReturnType<Model['session']> {
    const start = performance.now();
    const session = await super.session(...parts);
    this.sessionSeconds.push((performance.now() - start) / 1000);
    return session;
  }
}

/** The real weights, or random ones of their shape where they are absent: the work is the same. */
export async function openSmollm(options: ModelOptions = {}): Promise<TimedModel> {
  const folder = testData('SmolLM2-135M-Instruct');
  const file = folder && join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf');
  const base = file && existsSync(file) ? await loadBaseModel(file) : randomBase();
  return new TimedModel({ ...base, tokenizer }, options);
}

function randomBase(): BaseModel {
  const weights = weightShapes(shape).map(([name, dimensions]) => {
    const data = new Float32Array(dimensions.reduce((product, size) => product * size, 1));
    if (dimensions.length === 1) data.fill(1);
    // A short period is enough: only the time counts, and the values must stay finite.
    else for (let k = 0; k < data.length; k++) data[k] = 0.05 * Math.sin((k % 10007) + dimensions[0]);
    return [name, { shape: dimensions, data }] as const;
  });
  return { path: '', identity: 'random', config: shape, weights: new Map(weights), tokenizer };
}

/** A fresh adapter of rank 16 on all seven projections; with a head it is a reward model. */
export function freshAdapter(model: Model, task: Adapter['task']): Adapter {
  const head = task === 'SEQ_CLS' ? { learningRateFactor: 1 } : undefined;
  const layout = trainedLayout(model.config, { kind: 'adapter', lora, alpha, head });
  const views = viewsOf(layout, initialParameters(layout, 1));
  const tensors = layout.names.map((name, k) => [name, { shape: layout.shapes[k], data: views[name] }] as const);
  return { ...lora, alpha, task, tensors: new Map(tensors), metadata: {} };
}

export function randomIds(count: number, row: number, vocabulary = shape.vocabulary): number[] {
  return Array.from({ length: count }, (_, k) =>
    Math.floor(uniform({ seed: 1, purpose: 'sample', step: k, row }) * vocabulary),
  );
}

/**
 * Floating-point operations of one training step, ·10⁹: N (4 P_linear + 6 P_lora + 12 T D L) + 4 P D V with N tokens in
 * rows of T, P of them with logits. Frozen matrices cost a forward and one backward product, trained ones another.
 * What a recomputed layer costs again is not counted.
 */
export function stepGigaflops(config: ModelConfig, tokens: number, time: number, reads: number): number {
  const matrices = weightShapes(config).filter(([name]) => name.includes('_proj'));
  const linear = matrices.reduce((sum, [, [out, inner]]) => sum + out * inner, 0);
  const adapter = matrices.reduce((sum, [, [out, inner]]) => sum + lora.rank * (out + inner), 0);
  const attention = 12 * time * config.width * config.layers;
  return (tokens * (4 * linear + 6 * adapter + attention) + 4 * reads * config.width * config.vocabulary) / 1e9;
}

/** Of one decoded token: one product with every matrix, the embedding being the output. */
export function tokenGigaflops(config: ModelConfig): number {
  const matrices = weightShapes(config).filter(([, dimensions]) => dimensions.length === 2);
  return (2 * matrices.reduce((sum, [, [out, inner]]) => sum + out * inner, 0)) / 1e9;
}
