import type { LlamaConfig } from '../../../models/llama.ts';
import { UserError } from '../../errors.ts';
import { count, listed, type OpenFile, quoted } from './files.ts';
import { type GgufFile, type GgufTensor, type GgufValue, readGgufTensor } from './gguf.ts';
import { checkPlausible } from './llamaWeights.ts';
import type { WeightTensor } from './types.ts';

/** A Llama model in a GGUF file: configuration from the metadata, Hugging Face names and row order for the weights. */

/** The GGUF key of each field, without its "llama." prefix. */
const KEYS: Readonly<Record<keyof LlamaConfig, string>> = {
  layers: 'block_count',
  width: 'embedding_length',
  heads: 'attention.head_count',
  keyValueHeads: 'attention.head_count_kv',
  headWidth: 'attention.key_length',
  feedForward: 'feed_forward_length',
  vocabulary: 'vocab_size',
  ropeTheta: 'rope.freq_base',
  normEpsilon: 'attention.layer_norm_rms_epsilon',
  tiedEmbedding: 'tie_lm_head',
  maxPositions: 'context_length',
};

/** GGUF's name of each part of a layer, and Hugging Face's. */
const LAYER_PARTS: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const OUTER_PARTS: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** The configuration that the metadata gives. Throws a UserError for other architectures and for features not built. */
export function ggufConfig(gguf: GgufFile): LlamaConfig {
  const { path, metadata } = gguf;
  const architecture = metadata.get('general.architecture');
  if (architecture !== 'llama') {
    throw new UserError(
      `${path}: general.architecture is ${shown(architecture)}; Palate reads models of the architecture "llama".`,
    );
  }
  refuseOtherFeatures(gguf);
  const number = (key: string, fallback?: number) => metadataNumber(gguf, `llama.${key}`, fallback);
  const heads = number(KEYS.heads);
  const width = number(KEYS.width);
  const embedding = gguf.tensors.get('token_embd.weight');
  const config: LlamaConfig = {
    layers: number(KEYS.layers),
    width,
    heads,
    keyValueHeads: number(KEYS.keyValueHeads, heads),
    headWidth: number(KEYS.headWidth, width / heads),
    feedForward: number(KEYS.feedForward),
    vocabulary: number(KEYS.vocabulary, embedding?.shape[0] ?? listLength(metadata.get('tokenizer.ggml.tokens'))),
    ropeTheta: number(KEYS.ropeTheta, 10000),
    normEpsilon: number(KEYS.normEpsilon),
    tiedEmbedding: !gguf.tensors.has('output.weight'),
    maxPositions: number(KEYS.maxPositions),
  };
  checkPlausible(path, config, (key) => `llama.${KEYS[key]}`);
  refuseDifferentHeadWidths(gguf, config);
  return config;
}

/** The file's tensors under Hugging Face names. Throws a UserError where a name belongs to something not supported. */
export function ggufTensorNames(gguf: GgufFile): Map<string, GgufTensor> {
  const renamed = new Map<string, GgufTensor>();
  const unknown: string[] = [];
  for (const tensor of gguf.tensors.values()) {
    const name = huggingFaceName(tensor.name);
    if (name) renamed.set(name, tensor);
    else unknown.push(tensor.name);
  }
  const biases = unknown.filter((name) => name.endsWith('.bias'));
  if (biases.length)
    throw new UserError(`${gguf.path}: the model has biases (${listed(biases)}); Palate reads Llama models without.`);
  if (unknown.includes('rope_freqs.weight')) throw ropeScaling(gguf.path, 'the tensor rope_freqs.weight');
  if (unknown.length) {
    throw new UserError(
      `${gguf.path}: tensors that a Llama model does not have: ${listed(unknown)}. Mixtures of experts and other variants are not supported.`,
    );
  }
  return renamed;
}

/**
 * One weight as float32. llama.cpp stores the rows of q and k so that the two numbers of a rotary pair are neighbours;
 * Hugging Face, and Palate, keep the first halves of all pairs of a head and then the second halves.
 */
export function readGgufWeight(file: OpenFile, tensor: GgufTensor, name: string, config: LlamaConfig): WeightTensor {
  const data = readGgufTensor(file, tensor);
  const rotary = /self_attn\.[qk]_proj\.weight$/.test(name);
  return { shape: tensor.shape, data: rotary ? splitRotaryPairs(data, config.headWidth, tensor.shape[1]) : data };
}

/** Row 2i + s of each head (pair i, member s) goes to row s·(headWidth / 2) + i; [rows, columns], rows a multiple of headWidth. */
export function splitRotaryPairs(data: Float32Array, headWidth: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  const half = headWidth / 2;
  const rows = data.length / columns;
  for (let row = 0; row < rows; row++) {
    const inHead = row % headWidth;
    const target = row - inHead + (inHead % 2) * half + Math.floor(inHead / 2);
    result.set(data.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return result;
}

function huggingFaceName(name: string): string | undefined {
  const layer = /^blk\.(0|[1-9]\d{0,5})\.(\w+)\.weight$/.exec(name);
  if (layer)
    return Object.hasOwn(LAYER_PARTS, layer[2])
      ? `model.layers.${layer[1]}.${LAYER_PARTS[layer[2]]}.weight`
      : undefined;
  return Object.hasOwn(OUTER_PARTS, name) ? OUTER_PARTS[name] : undefined;
}

function refuseOtherFeatures({ path, metadata }: GgufFile): void {
  const type = metadata.get('general.type');
  if (type !== undefined && type !== 'model') {
    throw new UserError(`${path}: general.type is ${shown(type)}; a whole model is needed ("model").`);
  }
  const parts = metadata.get('split.count');
  if (typeof parts === 'number' && parts > 1) {
    throw new UserError(
      `${path}: this is one of ${parts} parts of a model; merge them first (llama-gguf-split --merge).`,
    );
  }
  const scaling = metadata.get('llama.rope.scaling.type');
  if (scaling !== undefined && scaling !== 'none') throw ropeScaling(path, `llama.rope.scaling.type ${shown(scaling)}`);
  const linear = metadata.get('llama.rope.scale_linear');
  if (linear !== undefined && linear !== 1) throw ropeScaling(path, `llama.rope.scale_linear ${shown(linear)}`);
  for (const key of ['llama.attention.sliding_window', 'llama.expert_count', 'llama.expert_used_count']) {
    const value = metadata.get(key);
    if (value !== undefined && value !== 0) {
      throw new UserError(
        `${path}: ${key} is ${shown(value)}; Palate reads Llama models without sliding windows and without experts.`,
      );
    }
  }
}

function refuseDifferentHeadWidths(gguf: GgufFile, config: LlamaConfig): void {
  for (const key of ['llama.attention.value_length', 'llama.rope.dimension_count']) {
    const value = metadataNumber(gguf, key, config.headWidth);
    if (value !== config.headWidth) {
      throw new UserError(
        `${gguf.path}: ${key} is ${value}, and a head is ${config.headWidth} wide; Palate reads models where both are the same.`,
      );
    }
  }
}

function ropeScaling(path: string, what: string): UserError {
  return new UserError(
    `${path}: ${what} asks for scaled rotary positions, which Palate does not support. Use a Llama model without rope scaling.`,
  );
}

function metadataNumber({ path, metadata }: GgufFile, key: string, fallback?: number): number {
  const value = metadata.get(key) ?? fallback;
  if (value === undefined) throw new UserError(`${path}: the metadata key ${key} is missing.`);
  if (typeof value !== 'number') throw new UserError(`${path}: ${key} is ${shown(value)}; one number is expected.`);
  return value;
}

function listLength(value: GgufValue | undefined): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}

function shown(value: GgufValue | undefined): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'number') return count(value);
  return Array.isArray(value) ? `a list of ${count(value.length)}` : quoted(String(value));
}
