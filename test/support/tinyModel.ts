import { join } from 'node:path';
import type { GemmaConfig } from '../../models/gemma.ts';
import type { LlamaConfig } from '../../models/llama.ts';
import { type ModelConfig, weightShapes } from '../../models/network.ts';
import { initialParameters, trainedLayout } from '../../server/engine/learner.ts';
import { viewsOf } from '../../server/engine/parameters.ts';
import { normal } from '../../server/engine/random.ts';
import { loadBaseModel } from '../../server/engine/weights/load.ts';
import { writeBaseModel } from '../../server/engine/weights/saveBase.ts';
import type { Adapter, BaseModel, Tokenizer, WeightTensor } from '../../server/engine/weights/types.ts';
import { packageRoot } from '../../server/paths.ts';

/** Small enough that a stage takes a second, with all that makes attention go wrong: layers, grouped heads, a tied output. */
export const tinyConfig: LlamaConfig = {
  layers: 2,
  width: 32,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 8,
  feedForward: 48,
  vocabulary: 64,
  ropeTheta: 10000,
  normEpsilon: 1e-5,
  tiedEmbedding: true,
  maxPositions: 192,
};

export interface TinyOptions {
  readonly seed?: number;
  readonly config?: Partial<LlamaConfig>;
  readonly endIds?: readonly number[];
}

/** A model with random weights and a tokenizer of one token a letter: nothing is read from disk. */
export function tinyModel({ seed = 1, config: changes = {}, endIds = [0] }: TinyOptions = {}): BaseModel {
  const config = { ...tinyConfig, ...changes };
  const weights = randomWeights(config, seed);
  return { path: '/models/tiny', identity: `tiny ${seed}`, config, weights, tokenizer: letters(config, endIds) };
}

/** The same as a Gemma 3: its first layer reaches three tokens. */
export function tinyGemma(): BaseModel {
  const config: GemmaConfig = {
    ...tinyConfig,
    family: 'gemma3',
    queryScalar: 6,
    local: { layers: [0], window: 3, ropeTheta: 100 },
  };
  return { ...tinyModel(), identity: 'tiny gemma', config, weights: randomWeights(config, 1) };
}

/** Deviation 0.3 in matrices, so that attention is far from even, and answers differ; 0.2 in the embedding, so that no token is certain. */
function randomWeights(config: ModelConfig, seed: number): Map<string, WeightTensor> {
  return new Map(
    weightShapes(config).map(([name, shape], step) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const draw = (row: number) => normal({ seed, purpose: 'initialise', step, row });
      const gain = config.family === 'gemma3' ? 0 : 1; // Gemma adds the 1 itself
      const [centre, scale] = name.includes('norm') ? [gain, 0.1] : [0, name.includes('embed') ? 0.2 : 0.3];
      return [name, { shape, data: Float32Array.from({ length: size }, (_, row) => centre + scale * draw(row)) }];
    }),
  );
}

/** Token k is the character 48 + k: '0', '1', … End tokens are special: never in a text. */
function letters({ vocabulary }: LlamaConfig, endIds: readonly number[]): Tokenizer {
  const encode = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) - 48);
  return {
    encode,
    decode: (ids) => String.fromCharCode(...ids.filter((id) => !endIds.includes(id)).map((id) => 48 + id)),
    encodeChat: (messages) => encode(messages.map(({ content }) => content).join('')),
    hasChatTemplate: true,
    endIds,
    size: vocabulary,
  };
}

/** An adapter of random numbers on all seven modules, B too, so that it changes something; with a head for 'SEQ_CLS'. */
export function tinyAdapter(
  base: BaseModel,
  options: { seed?: number; task?: Adapter['task']; rank?: number } = {},
): Adapter {
  const { seed = 2, task = 'CAUSAL_LM', rank = 4 } = options;
  const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const head = task === 'SEQ_CLS' ? { head: { learningRateFactor: 1 } } : {};
  const trained = { kind: 'adapter', lora: { rank, targetModules }, alpha: 2 * rank, ...head } as const;
  const layout = trainedLayout(base.config, trained);
  const views = viewsOf(layout, initialParameters(layout, seed));
  const tensors = layout.names.map((name, step) => {
    const data = views[name].map((value, row) =>
      name.includes('lora_A') ? value : 0.1 * normal({ seed, purpose: 'permute', step, row }),
    );
    return [name, { shape: layout.shapes[step], data }] as const;
  });
  return { rank, alpha: 2 * rank, targetModules, task, tensors: new Map(tensors), metadata: {} };
}

/** Writes a tiny model as a Hugging Face folder, with the byte-level tokenizer and chat template of the golden one. */
export async function writeTinyModel(folder: string, options: { seed?: number } = {}): Promise<string> {
  const { tokenizer } = await loadBaseModel(join(packageRoot(), 'test/support/golden/tied'));
  const { config, weights } = tinyModel(options);
  writeBaseModel(folder, { config, weights, tokenizer, format: 'F32' });
  return folder;
}
