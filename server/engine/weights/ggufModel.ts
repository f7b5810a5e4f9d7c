import type { LlamaConfig } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { extras, type FamilyName, familyList, isFamilyName, type LlamaFamily } from './families.ts';
import { count, listed, type OpenFile } from './files.ts';
import { readGemmaGguf } from './gemmaGguf.ts';
import type { GgufFile, GgufTensor, GgufValue } from './gguf.ts';
import { ggufScaling, refuseDifferentHeadWidths } from './ggufFields.ts';
import {
  DIVISORS,
  hasPairedRows,
  huggingFaceName,
  isShiftedNorm,
  type RowLayout,
  splitRotaryPairs,
} from './ggufNames.ts';
import { metadataNumber, shownValue } from './ggufValues.ts';
import { readGpt2Gguf } from './gpt2Weights.ts';
import { scalingOfDivisors } from './ropeScaling.ts';
import { checkLlama } from './shapes.ts';
import type { WeightTensor } from './types.ts';
import { type Widen, widenAny, widenFromFile } from './widen.ts';
import { withinWindow } from './windows.ts';

/** A model of the Llama family in a GGUF file: configuration from the metadata, Hugging Face's names and row order. */

/** The GGUF key of each field, without the architecture before it. */
export const GGUF_KEYS: Readonly<Record<Exclude<keyof LlamaConfig, 'family'>, string>> = {
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
  ropeScaling: 'rope.scaling.factor',
  attentionBias: 'attention.bias',
  headNorms: 'attention.norms',
};

/**
 * The configuration that metadata and tensors give. Throws a UserError for other architectures and for features not
 * built. `file` is read where the scaling of rotary positions lies in a tensor.
 */
export function ggufConfig(gguf: GgufFile, file: OpenFile): ModelConfig {
  const family = ggufFamily(gguf);
  refuseOtherFeatures(gguf, family);
  if (family === 'gemma' || family === 'gemma3') return readGemmaGguf(gguf, family);
  return family === 'gpt2' ? readGpt2Gguf(gguf) : llamaConfig(gguf, file, family);
}

function llamaConfig(gguf: GgufFile, file: OpenFile, family: LlamaFamily): LlamaConfig {
  const { path, metadata, tensors } = gguf;
  const number = (key: string, fallback?: number) => metadataNumber(gguf, `${family}.${key}`, fallback);
  const heads = number(GGUF_KEYS.heads);
  const width = number(GGUF_KEYS.width);
  const embedding = tensors.get('token_embd.weight');
  const vocabulary = embedding?.shape[0] ?? listLength(metadata.get('tokenizer.ggml.tokens'));
  const config: LlamaConfig = {
    layers: number(GGUF_KEYS.layers),
    width,
    heads,
    keyValueHeads: number(GGUF_KEYS.keyValueHeads, heads),
    headWidth: number(GGUF_KEYS.headWidth, width / heads),
    feedForward: number(GGUF_KEYS.feedForward),
    vocabulary: number(GGUF_KEYS.vocabulary, vocabulary),
    ropeTheta: number(GGUF_KEYS.ropeTheta, 10000),
    normEpsilon: number(GGUF_KEYS.normEpsilon),
    tiedEmbedding: !tensors.has('output.weight'),
    maxPositions: withinWindow(number(GGUF_KEYS.maxPositions), ggufWindow(gguf, family)),
    ...extras({
      ropeScaling: ggufScaling(gguf, family),
      attentionBias: attentionBias(gguf, family),
      headNorms: family === 'qwen3' ? true : undefined,
    }),
  };
  checkLlama(path, config, (key) => ggufKey(family, key));
  refuseDifferentHeadWidths(gguf, family, config);
  return family === 'llama' ? withDivisors(gguf, file, config) : config;
}

/** The whole key of a field. */
export function ggufKey(family: LlamaFamily, key: keyof LlamaConfig): string {
  return key === 'family' ? 'general.architecture' : `${family}.${GGUF_KEYS[key]}`;
}

/** The family that the file names. Throws a UserError for others. */
export function ggufFamily({ path, metadata }: GgufFile): FamilyName {
  const architecture = metadata.get('general.architecture');
  if (isFamilyName(architecture)) return architecture;
  throw new UserError(
    `${path}: general.architecture is ${shownValue(architecture)}; Palate reads models of the architectures ${familyList}.`,
  );
}

/** The metadata leaves open which biases there are: the first layer's tensors say it, and all must have the same. */
function attentionBias({ tensors }: GgufFile, family: LlamaFamily): LlamaConfig['attentionBias'] {
  if (family === 'qwen2') return 'qkv';
  if (family === 'qwen3') return undefined;
  if (tensors.has('blk.0.attn_output.bias')) return 'qkvo';
  return tensors.has('blk.0.attn_q.bias') ? 'qkv' : undefined;
}

/** 0 stands for none. */
function ggufWindow(gguf: GgufFile, family: FamilyName): number | undefined {
  const key = `${family}.attention.sliding_window`;
  const window = metadataNumber(gguf, key, 0);
  if (window === 0) return undefined;
  if (window >= 1 && Number.isInteger(window)) return window;
  throw new UserError(`${gguf.path}: ${key} is ${count(window)}; a number of tokens is expected.`);
}

function withDivisors(gguf: GgufFile, file: OpenFile, config: LlamaConfig): LlamaConfig {
  const tensor = gguf.tensors.get(DIVISORS);
  if (tensor === undefined) return config;
  if (tensor.shape.length !== 1 || tensor.elements !== config.headWidth / 2) {
    throw new UserError(
      `${gguf.path}: ${DIVISORS} is [${tensor.shape.join(', ')}]; one number for each of the ${config.headWidth / 2} rotary pairs is expected.`,
    );
  }
  if (config.ropeScaling !== undefined) {
    throw new UserError(`${gguf.path}: ${DIVISORS} and a linear scaling of rotary positions exclude each other.`);
  }
  const ropeScaling = scalingOfDivisors(config, [...widenAny(file, tensor)]);
  if (ropeScaling === undefined) return config;
  checkLlama(gguf.path, { ...config, ropeScaling }, () => DIVISORS);
  return { ...config, ropeScaling };
}

/** The file's tensors under Hugging Face names. Throws a UserError where a name belongs to something not supported. */
export function ggufTensorNames(gguf: GgufFile): Map<string, GgufTensor> {
  const family = ggufFamily(gguf);
  const renamed = new Map<string, GgufTensor>();
  const unknown: string[] = [];
  for (const tensor of gguf.tensors.values()) {
    const name = huggingFaceName(tensor.name, family);
    if (name) renamed.set(name, tensor);
    else if (tensor.name !== DIVISORS || family !== 'llama') unknown.push(tensor.name);
  }
  if (unknown.length) {
    throw new UserError(
      `${gguf.path}: tensors that a model of the architecture "${family}" does not have: ${listed(unknown)}. Mixtures of experts and other variants are not supported.`,
    );
  }
  return renamed;
}

/** One weight as float32 as Hugging Face's files hold it: rows in their order, and of Gemma's norms what is added to 1. */
export function readGgufWeight(
  file: OpenFile,
  tensor: GgufTensor,
  name: string,
  layout: RowLayout,
  widen: Widen = widenFromFile,
): WeightTensor {
  const { shape } = tensor;
  const data = widen(file, tensor);
  if (isShiftedNorm(name, layout.family)) return { shape, data: data.map((gain) => gain - 1) };
  if (!hasPairedRows(name, layout.family)) return { shape, data };
  return { shape, data: splitRotaryPairs(data, { headWidth: layout.headWidth, columns: shape[1] ?? 1 }) };
}

function refuseOtherFeatures({ path, metadata }: GgufFile, family: FamilyName): void {
  const type = metadata.get('general.type');
  if (type !== undefined && type !== 'model') {
    throw new UserError(`${path}: general.type is ${shownValue(type)}; a whole model is needed ("model").`);
  }
  const parts = metadata.get('split.count');
  if (typeof parts === 'number' && parts > 1) {
    throw new UserError(
      `${path}: this is one of ${parts} parts of a model; merge them first (llama-gguf-split --merge).`,
    );
  }
  for (const [key, neutral, what] of OTHER_FEATURES) {
    const value = metadata.get(`${family}.${key}`);
    if (value !== undefined && value !== neutral) {
      throw new UserError(`${path}: ${family}.${key} is ${shownValue(value)}; Palate reads models without ${what}.`);
    }
  }
}

/** Keys whose every other value means another computation: [key, the accepted value, what it is]. */
const OTHER_FEATURES: readonly (readonly [string, GgufValue, string])[] = [
  ['expert_count', 0, 'experts'],
  ['expert_used_count', 0, 'experts'],
  ['attention.causal', true, 'attention to later tokens'],
  ['rope.dimension_sections', 0, 'positions in several dimensions'],
];

function listLength(value: GgufValue | undefined): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}
