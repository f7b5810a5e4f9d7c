import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import type { LlamaConfig } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { extras, familyOfType, type LlamaFamily, llamaFamilyOf, typeList } from './families.ts';
import { listed, quoted, readJson, shown } from './files.ts';
import { readGemmaConfig, refuseOtherGemmas, writeGemmaConfig } from './gemmaWeights.ts';
import { readGpt2Config, writeGpt2Config } from './gpt2Weights.ts';
import { isObject } from './jsonObject.ts';
import { isPickleName, pickleError } from './pickles.ts';
import { type RopeKeys, readRope, writeRopeScaling } from './ropeScaling.ts';
import { checkLlama } from './shapes.ts';
import { readWindow, type WindowKeys, withinWindow } from './windows.ts';

/** A Hugging Face model folder: config.json, and where its weights lie. */

const number = v.nullish(v.number());
/** The keys of config.json that decide what is computed; everything else in the file is left alone. */
const ConfigSchema = v.object({
  num_hidden_layers: v.number(),
  hidden_size: v.number(),
  num_attention_heads: v.number(),
  num_key_value_heads: number,
  head_dim: number,
  intermediate_size: v.number(),
  vocab_size: v.number(),
  rope_theta: number,
  rope_parameters: v.nullish(isObject),
  rope_scaling: v.nullish(isObject),
  rms_norm_eps: number,
  tie_word_embeddings: v.nullish(v.boolean()),
  max_position_embeddings: number,
  attention_bias: v.nullish(v.boolean()),
});

/** Keys whose every other value means another computation: [key, accepted values, what it is]. */
const NEUTRAL: readonly (readonly [string, readonly unknown[], string])[] = [
  ['hidden_act', ['silu', 'swish'], 'another activation'],
  ['mlp_bias', [false], 'biases in the MLP'],
  ['partial_rotary_factor', [1], 'partly rotated heads'],
  ['num_local_experts', [0, 1], 'a mixture of experts'],
  ['num_experts', [0, 1], 'a mixture of experts'],
  ['quantization_config', [], 'quantised weights'],
];

const FIELDS: Readonly<Record<keyof LlamaConfig, string>> = {
  family: 'model_type',
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
  ropeScaling: 'rope_scaling',
  attentionBias: 'attention_bias',
  headNorms: 'model_type',
};

/** What Transformers takes for keys that a configuration leaves out. */
const DEFAULTS = {
  llama: { keyValueHeads: undefined, headWidth: undefined, maxPositions: 2048, window: undefined },
  qwen2: { keyValueHeads: 32, headWidth: undefined, maxPositions: 32768, window: 4096 },
  qwen3: { keyValueHeads: 32, headWidth: 128, maxPositions: 32768, window: 4096 },
} as const;

/** The configuration in `folder`/config.json, absent keys as in Transformers. Throws a UserError that names the key. */
export function readHuggingFaceConfig(folder: string): ModelConfig {
  const path = join(folder, 'config.json');
  const json = readJson(path, 4 << 20);
  const named = (json as { model_type?: unknown } | null)?.model_type;
  refuseOtherGemmas(path, named);
  const type = familyOfType(named);
  if (type === undefined) {
    const found = named === undefined ? 'is missing' : `is ${shown(named)}`;
    throw new UserError(`${path}: model_type ${found}; Palate reads models of the types ${typeList}.`);
  }
  if (type === 'gpt2') return readGpt2Config(path, json as Record<string, unknown>);
  if (type === 'gemma' || type === 'gemma3') return readGemmaConfig(path, type, json as Record<string, unknown>);
  for (const [key, accepted, what] of NEUTRAL) {
    const value = (json as Record<string, unknown>)[key];
    if (value !== undefined && value !== null && !accepted.includes(value)) throw notSupported(path, key, value, what);
  }
  const parsed = v.safeParse(ConfigSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new UserError(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}.`);
  }
  const window = readWindow(path, json as WindowKeys, {
    hasSwitch: type !== 'llama',
    fallback: named === 'mistral' ? 4096 : DEFAULTS[type].window,
  });
  const config = fromHuggingFace(path, type, parsed.output, window);
  checkLlama(path, config, (key) => FIELDS[key]);
  return config;
}

function notSupported(path: string, key: string, value: unknown, what: string): UserError {
  return new UserError(`${path}: ${key} is ${shown(value)}: ${what} is not supported by Palate.`);
}

function fromHuggingFace(
  path: string,
  family: LlamaFamily,
  json: v.InferOutput<typeof ConfigSchema>,
  window: number | undefined,
): LlamaConfig {
  const defaults = DEFAULTS[family];
  const heads = json.num_attention_heads;
  const maxPositions = json.max_position_embeddings ?? defaults.maxPositions;
  const keyValueHeads = json.num_key_value_heads === undefined ? defaults.keyValueHeads : json.num_key_value_heads;
  const rope = readRope(path, json as RopeKeys, maxPositions);
  const everyBias = json.attention_bias ? 'qkvo' : undefined;
  return {
    layers: json.num_hidden_layers,
    width: json.hidden_size,
    heads,
    keyValueHeads: keyValueHeads ?? heads,
    headWidth: json.head_dim ?? defaults.headWidth ?? json.hidden_size / heads,
    feedForward: json.intermediate_size,
    vocabulary: json.vocab_size,
    ropeTheta: rope.theta,
    normEpsilon: json.rms_norm_eps ?? 1e-6,
    tiedEmbedding: json.tie_word_embeddings ?? false,
    maxPositions: withinWindow(maxPositions, window),
    ...extras({
      ropeScaling: rope.scaling,
      attentionBias: family === 'qwen2' ? 'qkv' : everyBias,
      headNorms: family === 'qwen3' ? true : undefined,
    }),
  };
}

const ARCHITECTURES = { llama: 'LlamaForCausalLM', qwen2: 'Qwen2ForCausalLM', qwen3: 'Qwen3ForCausalLM' } as const;

/** The content of a config.json that Transformers and `readHuggingFaceConfig` read back as `config`. */
export function toHuggingFaceConfig(config: ModelConfig): Record<string, unknown> {
  if (config.family === 'gpt2') return writeGpt2Config(config);
  if (config.family !== undefined) return writeGemmaConfig(config);
  const family = llamaFamilyOf(config);
  const { ropeScaling } = config;
  return {
    architectures: [ARCHITECTURES[family]],
    model_type: family,
    hidden_act: 'silu',
    ...(family === 'qwen2' ? {} : { attention_bias: config.attentionBias !== undefined }),
    ...(family === 'llama' ? { mlp_bias: false } : { use_sliding_window: false }),
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headWidth,
    intermediate_size: config.feedForward,
    vocab_size: config.vocabulary,
    rope_theta: config.ropeTheta,
    ...(ropeScaling === undefined ? {} : { rope_scaling: writeRopeScaling(ropeScaling, config.maxPositions) }),
    rms_norm_eps: config.normEpsilon,
    tie_word_embeddings: config.tiedEmbedding,
    max_position_embeddings: config.maxPositions,
  };
}

/**
 * The safetensors files of a folder: model.safetensors, or the shards that model.safetensors.index.json names. The
 * names in an index must be plain, and may be symbolic links only within the folder or a Hugging Face cache. Throws a
 * UserError where there are none, naming pickles that lie there instead.
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
  const paths = names.map((name) => join(folder, name));
  for (const path of paths) refuseForeignLink(folder, index, path);
  return paths;
}

/**
 * A symbolic link that an index names may lead to a file in the same folder, or to the blobs of the same model in a
 * Hugging Face cache (models--…/snapshots/<revision>/ → models--…/blobs/), and nowhere else.
 */
function refuseForeignLink(folder: string, index: string, path: string): void {
  const [real, target] = [realpathSync(folder), realpathSync(path)];
  const blobs = join(dirname(dirname(real)), 'blobs');
  const isSnapshot = basename(dirname(real)) === 'snapshots';
  if (dirname(target) === real || (isSnapshot && dirname(target) === blobs)) return;
  throw new UserError(
    `${index}: "weight_map" names ${quoted(basename(path))}, a symbolic link that leads out of the folder, to ${target}. Put the file itself there.`,
  );
}
