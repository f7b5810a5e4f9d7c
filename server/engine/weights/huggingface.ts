import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { LlamaConfig } from '../../../models/llama.ts';
import { UserError } from '../../errors.ts';
import { listed, quoted, readJson, shown } from './files.ts';
import { checkPlausible } from './llamaWeights.ts';
import { isPickleName, pickleError } from './pickles.ts';

/** A Hugging Face model folder: config.json, and where its weights lie. */

const number = v.nullish(v.number());
/** valibot's record takes lists too. */
const isObject = v.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object is expected',
);
/** The keys of config.json that decide what is computed; everything else in the file is left alone. */
const ConfigSchema = v.object({
  model_type: v.string(),
  num_hidden_layers: v.number(),
  hidden_size: v.number(),
  num_attention_heads: v.number(),
  num_key_value_heads: number,
  head_dim: number,
  intermediate_size: v.number(),
  vocab_size: v.number(),
  rope_theta: number,
  rope_parameters: v.nullish(isObject),
  rms_norm_eps: number,
  tie_word_embeddings: v.nullish(v.boolean()),
  max_position_embeddings: number,
});

/** Keys whose every other value means another computation: [key, accepted values, what it is]. */
const NEUTRAL: readonly (readonly [string, readonly unknown[], string])[] = [
  ['hidden_act', ['silu', 'swish'], 'another activation'],
  ['rope_scaling', [], 'scaled rotary positions'],
  ['attention_bias', [false], 'biases in the attention'],
  ['mlp_bias', [false], 'biases in the MLP'],
  ['sliding_window', [], 'a sliding window'],
  ['use_sliding_window', [false], 'a sliding window'],
  ['partial_rotary_factor', [1], 'partly rotated heads'],
  ['num_local_experts', [0, 1], 'a mixture of experts'],
  ['quantization_config', [], 'quantised weights'],
];

const FIELDS: Readonly<Record<keyof LlamaConfig, string>> = {
  layers: 'num_hidden_layers',
  width: 'hidden_size',
  heads: 'num_attention_heads',
  keyValueHeads: 'num_key_value_heads',
  headWidth: 'head_dim',
  feedForward: 'intermediate_size',
  vocabulary: 'vocab_size',
  ropeTheta: 'rope_theta',
  normEpsilon: 'rms_norm_eps',
  tiedEmbedding: 'tie_word_embeddings',
  maxPositions: 'max_position_embeddings',
};

/** The configuration in `folder`/config.json, absent keys as in Transformers' LlamaConfig. Throws a UserError that names the key. */
export function readHuggingFaceConfig(folder: string): LlamaConfig {
  const path = join(folder, 'config.json');
  const json = readJson(path, 4 << 20);
  const type = (json as { model_type?: unknown } | null)?.model_type;
  if (type !== 'llama') {
    const found = type === undefined ? 'is missing' : `is ${shown(type)}`;
    throw new UserError(`${path}: model_type ${found}; Palate reads models of the type "llama".`);
  }
  for (const [key, accepted, what] of NEUTRAL) {
    const value = (json as Record<string, unknown>)[key];
    if (value !== undefined && value !== null && !accepted.includes(value)) {
      throw new UserError(`${path}: ${key} is ${shown(value)}: ${what} is not supported by Palate.`);
    }
  }
  const parsed = v.safeParse(ConfigSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new UserError(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}.`);
  }
  const config = fromHuggingFace(path, parsed.output);
  checkPlausible(path, config, (key) => FIELDS[key]);
  return config;
}

function fromHuggingFace(path: string, json: v.InferOutput<typeof ConfigSchema>): LlamaConfig {
  const rope = json.rope_parameters ?? {};
  if (rope.rope_type !== undefined && rope.rope_type !== 'default') {
    throw new UserError(
      `${path}: rope_parameters.rope_type is ${shown(rope.rope_type)}: scaled rotary positions are not supported by Palate.`,
    );
  }
  if (rope.partial_rotary_factor !== undefined && rope.partial_rotary_factor !== 1) {
    throw new UserError(
      `${path}: rope_parameters.partial_rotary_factor is ${shown(rope.partial_rotary_factor)}: partly rotated heads are not supported by Palate.`,
    );
  }
  const theta = rope.rope_theta ?? json.rope_theta ?? 10000;
  if (typeof theta !== 'number')
    throw new UserError(`${path}: rope_parameters.rope_theta is ${shown(theta)}; a number is expected.`);
  return {
    layers: json.num_hidden_layers,
    width: json.hidden_size,
    heads: json.num_attention_heads,
    keyValueHeads: json.num_key_value_heads ?? json.num_attention_heads,
    headWidth: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    feedForward: json.intermediate_size,
    vocabulary: json.vocab_size,
    ropeTheta: theta,
    normEpsilon: json.rms_norm_eps ?? 1e-6,
    tiedEmbedding: json.tie_word_embeddings ?? false,
    maxPositions: json.max_position_embeddings ?? 2048,
  };
}

/** The content of a config.json that Transformers and `readHuggingFaceConfig` read back as `config`. */
export function toHuggingFaceConfig(config: LlamaConfig): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headWidth,
    intermediate_size: config.feedForward,
    vocab_size: config.vocabulary,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.normEpsilon,
    tie_word_embeddings: config.tiedEmbedding,
    max_position_embeddings: config.maxPositions,
  };
}

/**
 * The safetensors files of a folder: model.safetensors, or the shards that model.safetensors.index.json names. The
 * files may be symbolic links, as in a Hugging Face cache; the names in an index must be plain. Throws a UserError
 * where there are none, naming pickles that lie there instead.
 */
export function weightFiles(folder: string): string[] {
  const single = join(folder, 'model.safetensors');
  if (existsSync(single)) return [single];
  const index = join(folder, 'model.safetensors.index.json');
  if (existsSync(index)) return shards(folder, index);
  const pickle = readdirSync(folder).find(isPickleName);
  if (pickle) throw pickleError(join(folder, pickle));
  throw new UserError(`${folder}: there is neither model.safetensors nor model.safetensors.index.json in this folder.`);
}

const IndexSchema = v.object({ weight_map: v.pipe(isObject, v.record(v.string(), v.string())) });

function shards(folder: string, index: string): string[] {
  const parsed = v.safeParse(IndexSchema, readJson(index, 32 << 20));
  if (!parsed.success) throw new UserError(`${index}: "weight_map" is not an object from tensor names to file names.`);
  const names = [...new Set(Object.values(parsed.output.weight_map))].sort();
  if (names.length === 0) throw new UserError(`${index}: "weight_map" is empty.`);
  const strange = names.filter((name) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) || name.length > 255);
  if (strange.length) {
    throw new UserError(
      `${index}: "weight_map" names ${listed(strange.map(quoted), 3)}; only plain file names in the same folder are followed.`,
    );
  }
  const pickle = names.find(isPickleName);
  if (pickle) throw pickleError(join(folder, pickle));
  const absent = names.filter((name) => !existsSync(join(folder, name)));
  if (absent.length)
    throw new UserError(
      `${index}: ${listed(absent)} of ${names.length} files not in the folder; fetch the model again.`,
    );
  return names.map((name) => join(folder, name));
}
