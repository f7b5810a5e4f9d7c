import * as v from 'valibot';
import type { Gpt2Config } from '../../../models/gpt2.ts';
import type { ModelConfig } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { shown } from './files.ts';
import type { GgufFile } from './gguf.ts';
import { metadataNumber } from './ggufValues.ts';
import { ggufEntry } from './ggufWriter.ts';
import { checkPlausible } from './shapes.ts';
import type { WeightTensor } from './types.ts';

/** GPT-2 as config.json and GGUF files describe it, and what Hugging Face's files of it do in their own way. */

const number = v.nullish(v.number());
const ConfigSchema = v.object({
  n_layer: v.number(),
  n_embd: v.number(),
  n_head: v.number(),
  n_inner: number,
  n_positions: number,
  vocab_size: v.number(),
  layer_norm_epsilon: number,
  tie_word_embeddings: v.nullish(v.boolean()),
});

/** Keys whose every other value means another computation: [key, accepted values, what it is]. */
const NEUTRAL: readonly (readonly [string, readonly unknown[], string])[] = [
  // Three names of one function; "gelu" is another.
  ['activation_function', ['gelu_new', 'gelu_pytorch_tanh', 'gelu_fast'], 'another activation'],
  ['scale_attn_weights', [true], 'attention without scaling'],
  ['scale_attn_by_inverse_layer_idx', [false], 'attention scaled by the layer'],
  ['add_cross_attention', [false], 'cross attention'],
  ['quantization_config', [], 'quantised weights'],
];

const FIELDS: Readonly<Record<keyof Gpt2Config, string>> = {
  family: 'model_type',
  layers: 'n_layer',
  width: 'n_embd',
  heads: 'n_head',
  keyValueHeads: 'n_head',
  headWidth: 'n_embd / n_head',
  feedForward: 'n_inner',
  vocabulary: 'vocab_size',
  normEpsilon: 'layer_norm_epsilon',
  tiedEmbedding: 'tie_word_embeddings',
  maxPositions: 'n_positions',
};

/** The configuration in a config.json at `path`, absent keys as in Transformers. Throws a UserError that names the key. */
export function readGpt2Config(path: string, json: Record<string, unknown>): Gpt2Config {
  for (const [key, accepted, what] of NEUTRAL) {
    const value = json[key];
    if (value !== undefined && value !== null && !accepted.includes(value)) {
      throw new UserError(`${path}: ${key} is ${shown(value)}: ${what} is not supported by Palate.`);
    }
  }
  const parsed = v.safeParse(ConfigSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new UserError(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}.`);
  }
  const { n_layer, n_embd, n_head, n_inner, n_positions, vocab_size, ...rest } = parsed.output;
  const config: Gpt2Config = {
    family: 'gpt2',
    layers: n_layer,
    width: n_embd,
    heads: n_head,
    keyValueHeads: n_head,
    headWidth: n_embd / n_head,
    feedForward: n_inner ?? 4 * n_embd,
    vocabulary: vocab_size,
    normEpsilon: rest.layer_norm_epsilon ?? 1e-5,
    tiedEmbedding: rest.tie_word_embeddings ?? true,
    maxPositions: n_positions ?? 1024,
  };
  checkPlausible(path, config, (key) => FIELDS[key]);
  return config;
}

/** The content of a config.json that Transformers and `readGpt2Config` read back as `config`. */
export function writeGpt2Config(config: Gpt2Config): Record<string, unknown> {
  return {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    activation_function: 'gelu_new',
    n_layer: config.layers,
    n_embd: config.width,
    n_head: config.heads,
    n_inner: config.feedForward,
    n_positions: config.maxPositions,
    vocab_size: config.vocabulary,
    layer_norm_epsilon: config.normEpsilon,
    tie_word_embeddings: config.tiedEmbedding,
    bos_token_id: null,
  };
}

const GGUF_FIELDS: Readonly<Record<keyof Gpt2Config, string>> = {
  family: 'general.architecture',
  layers: 'gpt2.block_count',
  width: 'gpt2.embedding_length',
  heads: 'gpt2.attention.head_count',
  keyValueHeads: 'gpt2.attention.head_count',
  headWidth: 'gpt2.embedding_length / gpt2.attention.head_count',
  feedForward: 'gpt2.feed_forward_length',
  vocabulary: 'gpt2.vocab_size',
  normEpsilon: 'gpt2.attention.layer_norm_epsilon',
  tiedEmbedding: 'output.weight',
  maxPositions: 'gpt2.context_length',
};

/** The configuration that a GGUF file's metadata and tensors give. Throws a UserError that names the key. */
export function readGpt2Gguf(gguf: GgufFile): Gpt2Config {
  const { path, metadata, tensors } = gguf;
  const number = (key: keyof Gpt2Config, fallback?: number) => metadataNumber(gguf, GGUF_FIELDS[key], fallback);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const [width, heads] = [number('width'), number('heads')];
  const config: Gpt2Config = {
    family: 'gpt2',
    layers: number('layers'),
    width,
    heads,
    keyValueHeads: heads,
    headWidth: width / heads,
    feedForward: number('feedForward'),
    vocabulary: number(
      'vocabulary',
      tensors.get('token_embd.weight')?.shape[0] ?? (Array.isArray(tokens) ? tokens.length : undefined),
    ),
    normEpsilon: number('normEpsilon'),
    tiedEmbedding: !tensors.has('output.weight'),
    maxPositions: number('maxPositions'),
  };
  checkPlausible(path, config, (key) => GGUF_FIELDS[key]);
  return config;
}

/** The model's own entries in a GGUF file. */
export function gpt2Entries(config: Gpt2Config): Uint8Array[] {
  const whole = (['layers', 'maxPositions', 'width', 'feedForward', 'heads', 'vocabulary'] as const).map((key) =>
    ggufEntry(GGUF_FIELDS[key], 'uint32', config[key]),
  );
  return [...whole, ggufEntry(GGUF_FIELDS.normEpsilon, 'float32', config.normEpsilon)];
}

/**
 * The name in memory of a tensor in a Hugging Face file: GPT-2's first files leave out what all names begin with, and hold
 * the masks of attention, which are dropped (undefined).
 */
export function gpt2TensorName(name: string): string | undefined {
  const full = /^(wte|wpe|h\.\d+|ln_f)\./.test(name) ? `transformer.${name}` : name;
  return /^transformer\.h\.\d+\.attn\.(bias|masked_bias)$/.test(full) ? undefined : full;
}

/** Whether Hugging Face's files hold a matrix as [in, out]: GPT-2's linear layers are "Conv1D". */
export function isTransposed(config: ModelConfig, name: string): boolean {
  return config.family === 'gpt2' && /\.(c_attn|c_proj|c_fc)\.weight$/.test(name);
}

/** [rows, columns] → [columns, rows], for what `isTransposed` names; else the tensor itself. */
export function turned(config: ModelConfig, name: string, tensor: WeightTensor): WeightTensor {
  if (!isTransposed(config, name) || tensor.shape.length !== 2) return tensor;
  const [rows, columns] = tensor.shape;
  const data = new Float32Array(tensor.data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) data[column * rows + row] = tensor.data[row * columns + column];
  }
  return { shape: [columns, rows], data };
}
