import * as v from 'valibot';
import type { GemmaConfig, LocalLayers } from '../../../models/gemma.ts';
import type { RopeScaling } from '../../../models/llama.ts';
import { UserError } from '../../errors.ts';
import { shown } from './files.ts';
import { isObject } from './jsonObject.ts';
import { type RopeKeys, readRope, writeRopeScaling } from './ropeScaling.ts';
import { checkGemma } from './shapes.ts';
import { readWindow } from './windows.ts';

/** Gemma as config.json describes it. */

const number = v.nullish(v.number());
const list = v.nullish(v.array(v.string()));
const ConfigSchema = v.object({
  num_hidden_layers: v.number(),
  hidden_size: v.number(),
  num_attention_heads: v.number(),
  num_key_value_heads: number,
  head_dim: number,
  intermediate_size: v.number(),
  vocab_size: v.number(),
  rope_theta: number,
  rope_local_base_freq: number,
  rope_parameters: v.nullish(isObject),
  rope_scaling: v.nullish(isObject),
  rms_norm_eps: number,
  tie_word_embeddings: v.nullish(v.boolean()),
  max_position_embeddings: number,
  query_pre_attn_scalar: number,
  layer_types: list,
  sliding_window_pattern: number,
});

/** Keys whose every other value means another computation: [key, accepted values, what it is]. */
const NEUTRAL: readonly (readonly [string, readonly unknown[], string])[] = [
  ['hidden_activation', ['gelu_pytorch_tanh'], 'another activation'],
  // The first files of Gemma say "gelu" and were trained with the other; Transformers computes that.
  ['hidden_act', ['gelu_pytorch_tanh', 'gelu'], 'another activation'],
  ['attention_bias', [false], 'biases in the attention of Gemma'],
  ['attn_logit_softcapping', [], 'soft-capping of scores'],
  ['final_logit_softcapping', [], 'soft-capping of logits'],
  ['use_bidirectional_attention', [false], 'attention to later tokens'],
  ['quantization_config', [], 'quantised weights'],
];

const FIELDS: Readonly<Record<keyof GemmaConfig, string>> = {
  family: 'model_type',
  layers: 'num_hidden_layers',
  width: 'hidden_size',
  heads: 'num_attention_heads',
  keyValueHeads: 'num_key_value_heads',
  headWidth: 'head_dim',
  feedForward: 'intermediate_size',
  vocabulary: 'vocab_size',
  ropeTheta: 'rope_theta',
  ropeScaling: 'rope_scaling',
  normEpsilon: 'rms_norm_eps',
  tiedEmbedding: 'tie_word_embeddings',
  maxPositions: 'max_position_embeddings',
  queryScalar: 'query_pre_attn_scalar',
  local: 'rope_local_base_freq',
};

/** What Transformers takes for keys that a configuration leaves out. */
const DEFAULTS = {
  gemma: { keyValueHeads: 16, maxPositions: 8192, theta: 10_000 },
  gemma3: { keyValueHeads: 4, maxPositions: 131_072, theta: 1_000_000 },
} as const;
const LOCAL_THETA = 10_000;

/** Models of the name that Palate does not compute: model_type → why, and what to take instead. */
const OTHERS: Readonly<Record<string, string>> = {
  gemma2: 'soft-capping of scores and logits is not supported by Palate',
  gemma3: 'a model that reads pictures too, which Palate does not',
};

/** Throws a UserError for Gemmas of other kinds. */
export function refuseOtherGemmas(path: string, type: unknown): void {
  if (typeof type !== 'string' || !Object.hasOwn(OTHERS, type)) return;
  throw new UserError(
    `${path}: model_type is ${shown(type)}: ${OTHERS[type]}. It reads Gemma 1 ("gemma") and the text models of Gemma 3 ("gemma3_text", as gemma-3-270m and gemma-3-1b are).`,
  );
}

/** The configuration in a config.json at `path`, absent keys as in Transformers. Throws a UserError that names the key. */
export function readGemmaConfig(
  path: string,
  family: GemmaConfig['family'],
  file: Record<string, unknown>,
): GemmaConfig {
  for (const [key, accepted, what] of NEUTRAL) {
    const value = file[key];
    if (value !== undefined && value !== null && !accepted.includes(value)) {
      throw new UserError(`${path}: ${key} is ${shown(value)}: ${what} is not supported by Palate.`);
    }
  }
  const parsed = v.safeParse(ConfigSchema, file);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new UserError(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}.`);
  }
  const json = parsed.output;
  const defaults = DEFAULTS[family];
  const headWidth = json.head_dim ?? 256;
  const maxPositions = json.max_position_embeddings ?? defaults.maxPositions;
  const { everywhere, localTheta } = readThetas(path, family, json, maxPositions);
  const shape = {
    family,
    layers: json.num_hidden_layers,
    width: json.hidden_size,
    heads: json.num_attention_heads,
    keyValueHeads: json.num_key_value_heads ?? defaults.keyValueHeads,
    headWidth,
    feedForward: json.intermediate_size,
    vocabulary: json.vocab_size,
    ropeTheta: everywhere.theta,
    normEpsilon: json.rms_norm_eps ?? 1e-6,
    tiedEmbedding: json.tie_word_embeddings ?? true,
    maxPositions,
    queryScalar: family === 'gemma' ? headWidth : (json.query_pre_attn_scalar ?? 256),
    ...(everywhere.scaling === undefined ? {} : { ropeScaling: everywhere.scaling }),
  };
  checkGemma(path, shape, (key) => FIELDS[key]); // before a list of the layers is made
  const local = family === 'gemma' ? undefined : readLocal(path, json, file.sliding_window, localTheta);
  const config: GemmaConfig = local === undefined ? shape : { ...shape, local };
  checkGemma(path, config, (key) => FIELDS[key]);
  return config;
}

type Json = v.InferOutput<typeof ConfigSchema>;

/** Transformers 5 keeps the positions of Gemma 3 by kind of layer, 4 in keys of their own. */
function readThetas(path: string, family: GemmaConfig['family'], json: Json, maxPositions: number) {
  const defaults = { ...json, rope_theta: json.rope_theta ?? DEFAULTS[family].theta };
  if (family === 'gemma') return { everywhere: readRope(path, defaults, maxPositions), localTheta: LOCAL_THETA };
  const ofKind = (kind: 'full_attention' | 'sliding_attention') => {
    const found = json.rope_parameters?.[kind] ?? {};
    if (v.is(isObject, found)) return found;
    throw new UserError(`${path}: rope_parameters.${kind} is ${shown(found)}; an object is expected.`);
  };
  const read = (keys: RopeKeys): { theta: number; scaling?: RopeScaling } => readRope(path, keys, maxPositions);
  const everywhere = read({ ...defaults, rope_parameters: ofKind('full_attention') });
  const near = read({
    rope_theta: json.rope_local_base_freq ?? LOCAL_THETA,
    rope_parameters: ofKind('sliding_attention'),
  });
  if (near.scaling === undefined) return { everywhere, localTheta: near.theta };
  throw new UserError(
    `${path}: rope_parameters.sliding_attention.rope_type is ${shown(near.scaling.type)}: scaled positions in layers whose attention slides are not supported by Palate.`,
  );
}

function readLocal(path: string, json: Json, slidingWindow: unknown, ropeTheta: number): LocalLayers | undefined {
  const kinds = json.layer_types ?? patternOf(path, json);
  const window = readWindow(
    path,
    { sliding_window: slidingWindow, layer_types: kinds },
    { hasSwitch: true, fallback: 4096 },
  );
  if (kinds.length !== json.num_hidden_layers) {
    throw new UserError(
      `${path}: layer_types names ${kinds.length} layers, and num_hidden_layers is ${json.num_hidden_layers}.`,
    );
  }
  if (window === undefined) return undefined;
  return { layers: slidingLayers(kinds), window, ropeTheta };
}

function slidingLayers(kinds: readonly string[]): number[] {
  return kinds.flatMap((kind, layer) => (kind === 'sliding_attention' ? [layer] : []));
}

/** Every so many-th layer attends to everything, as Transformers takes it where layer_types is left out. */
function patternOf(path: string, { num_hidden_layers: layers, sliding_window_pattern }: Json): string[] {
  const pattern = sliding_window_pattern ?? 6;
  if (!Number.isSafeInteger(pattern) || pattern < 1) {
    throw new UserError(`${path}: sliding_window_pattern is ${shown(pattern)}; a whole number from 1 is expected.`);
  }
  return Array.from({ length: layers }, (_, layer) =>
    (layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
  );
}

/** The content of a config.json that Transformers and `readGemmaConfig` read back as `config`. */
export function writeGemmaConfig(config: GemmaConfig): Record<string, unknown> {
  const { family, local, ropeScaling } = config;
  const isThird = family === 'gemma3';
  const kinds = Array.from({ length: config.layers }, (_, layer) =>
    local?.layers.includes(layer) ? 'sliding_attention' : 'full_attention',
  );
  return {
    architectures: [isThird ? 'Gemma3ForCausalLM' : 'GemmaForCausalLM'],
    model_type: isThird ? 'gemma3_text' : 'gemma',
    ...(isThird ? {} : { hidden_act: 'gelu_pytorch_tanh' }),
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: false,
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
    ...(isThird ? { query_pre_attn_scalar: config.queryScalar, layer_types: kinds } : {}),
    ...(local === undefined ? {} : { sliding_window: local.window, rope_local_base_freq: local.ropeTheta }),
  };
}
