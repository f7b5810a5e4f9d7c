import type { GemmaConfig, LocalLayers } from '../../../models/gemma.ts';
import { UserError } from '../../errors.ts';
import { count } from './files.ts';
import type { GgufFile } from './gguf.ts';
import { ggufScaling, refuseDifferentHeadWidths } from './ggufFields.ts';
import { metadataNumber, shownValue } from './ggufValues.ts';
import { ggufEntry } from './ggufWriter.ts';
import { checkGemma } from './shapes.ts';

/** Gemma as GGUF files describe it. */

/** The GGUF key of each field, without the architecture before it. */
const KEYS: Readonly<Record<Exclude<keyof GemmaConfig, 'family'>, string>> = {
  layers: 'block_count',
  width: 'embedding_length',
  heads: 'attention.head_count',
  keyValueHeads: 'attention.head_count_kv',
  headWidth: 'attention.key_length',
  feedForward: 'feed_forward_length',
  vocabulary: 'vocab_size',
  ropeTheta: 'rope.freq_base',
  ropeScaling: 'rope.scaling.factor',
  normEpsilon: 'attention.layer_norm_rms_epsilon',
  tiedEmbedding: 'tie_lm_head',
  maxPositions: 'context_length',
  queryScalar: 'attention.key_length',
  local: 'rope.freq_base_swa',
};

/** What llama.cpp computes where a file of Gemma 3 does not say: of six layers five slide, with positions of their own. */
const PATTERN = 6;
const LOCAL_THETA = 10_000;
const THETAS = { gemma: 10_000, gemma3: 1_000_000 } as const;

/** The configuration that a GGUF file's metadata and tensors give. Throws a UserError that names the key. */
export function readGemmaGguf(gguf: GgufFile, family: GemmaConfig['family']): GemmaConfig {
  const { path, metadata, tensors } = gguf;
  const key = (field: keyof GemmaConfig) => (field === 'family' ? 'general.architecture' : `${family}.${KEYS[field]}`);
  const number = (field: keyof GemmaConfig, fallback?: number) => metadataNumber(gguf, key(field), fallback);
  const capped = [`${family}.attn_logit_softcapping`, `${family}.final_logit_softcapping`].find(
    (name) => (metadata.get(name) ?? 0) !== 0,
  );
  if (capped !== undefined) {
    throw new UserError(
      `${path}: ${capped} is ${shownValue(metadata.get(capped))}: soft-capping is not supported by Palate.`,
    );
  }
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const rows = tensors.get('token_embd.weight')?.shape[0] ?? (Array.isArray(tokens) ? tokens.length : undefined);
  const heads = number('heads');
  const [layers, width, headWidth] = [number('layers'), number('width'), number('headWidth', 256)];
  const ropeScaling = ggufScaling(gguf, family);
  const shape: GemmaConfig = {
    family,
    layers,
    width,
    heads,
    keyValueHeads: number('keyValueHeads', heads),
    headWidth,
    feedForward: number('feedForward'),
    vocabulary: number('vocabulary', rows),
    ropeTheta: number('ropeTheta', THETAS[family]),
    normEpsilon: number('normEpsilon'),
    tiedEmbedding: !tensors.has('output.weight'),
    maxPositions: number('maxPositions'),
    queryScalar: queryScalar(family, { layers, width, heads, headWidth }),
    ...(ropeScaling === undefined ? {} : { ropeScaling }),
  };
  checkGemma(path, shape, key);
  refuseDifferentHeadWidths(gguf, family, shape);
  const local = family === 'gemma3' ? readLocal(gguf, shape) : undefined;
  if (local === undefined) return shape;
  const config = { ...shape, local };
  checkGemma(path, config, key);
  return config;
}

/** llama.cpp takes the largest model by its number of layers: there it is the width of a head as if they shared D. */
function queryScalar(
  family: GemmaConfig['family'],
  { layers, width, heads, headWidth }: Pick<GemmaConfig, 'layers' | 'width' | 'heads' | 'headWidth'>,
): number {
  return family === 'gemma3' && layers === 62 ? width / heads : headWidth;
}

function readLocal(gguf: GgufFile, { layers }: GemmaConfig): LocalLayers | undefined {
  const key = 'gemma3.attention.sliding_window';
  const window = metadataNumber(gguf, key, 0);
  if (window === 0) return undefined;
  if (!Number.isSafeInteger(window) || window < 1) {
    throw new UserError(`${gguf.path}: ${key} is ${count(window)}; a number of tokens is expected.`);
  }
  const sliding = slidingLayers(gguf, layers);
  const ropeTheta = metadataNumber(gguf, 'gemma3.rope.freq_base_swa', LOCAL_THETA);
  return sliding.length === 0 ? undefined : { layers: sliding, window, ropeTheta };
}

/** A number of layers of which the last attends to everything, or a list that says of each layer whether it slides. */
function slidingLayers({ path, metadata }: GgufFile, layers: number): number[] {
  const key = 'gemma3.attention.sliding_window_pattern';
  const pattern = metadata.get(key) ?? PATTERN;
  const every = Array.from({ length: layers }, (_, layer) => layer);
  if (typeof pattern === 'number' && Number.isSafeInteger(pattern) && pattern > 0) {
    return every.filter((layer) => (layer + 1) % pattern !== 0);
  }
  if (Array.isArray(pattern) && pattern.length === layers && pattern.every((slides) => typeof slides === 'boolean')) {
    return every.filter((layer) => pattern[layer]);
  }
  throw new UserError(
    `${path}: ${key} is ${shownValue(pattern)}; a whole number, or true or false for each of the ${layers} layers, is expected.`,
  );
}

/** The model's own entries in a GGUF file. Throws a UserError where llama.cpp does not compute what the configuration says. */
export function gemmaEntries(config: GemmaConfig): Uint8Array[] {
  const { family, local, layers, queryScalar: scalar, ropeScaling } = config;
  const every = Array.from({ length: layers }, (_, layer) => layer);
  const slides = (layer: number) => local?.layers.includes(layer) ?? false;
  const asWritten = every.every((layer) => slides(layer) === ((layer + 1) % PATTERN !== 0));
  const refuse = (what: string): never => {
    throw new UserError(
      `llama.cpp has no place for ${what} in models of the architecture "${family}". Export as safetensors instead.`,
    );
  };
  if (scalar !== queryScalar(family, config)) refuse(`query_pre_attn_scalar ${scalar}`);
  if (family === 'gemma3' && local !== undefined && !asWritten)
    refuse('layers that slide in another order than five of six');
  const whole = (
    ['layers', 'maxPositions', 'width', 'feedForward', 'heads', 'keyValueHeads', 'vocabulary'] as const
  ).map((field) => ggufEntry(`${family}.${KEYS[field]}`, 'uint32', config[field]));
  const fractions = (['ropeTheta', 'normEpsilon'] as const).map((field) =>
    ggufEntry(`${family}.${KEYS[field]}`, 'float32', config[field]),
  );
  const widths = ['attention.key_length', 'attention.value_length'].map((key) =>
    ggufEntry(`${family}.${key}`, 'uint32', config.headWidth),
  );
  return [
    ...whole,
    ...fractions,
    ...widths,
    ...(local === undefined
      ? []
      : [
          ggufEntry('gemma3.attention.sliding_window', 'uint32', local.window),
          ggufEntry('gemma3.rope.freq_base_swa', 'float32', local.ropeTheta),
        ]),
    ...(ropeScaling?.type === 'linear'
      ? [
          ggufEntry(`${family}.rope.scaling.type`, 'string', 'linear'),
          ggufEntry(`${family}.rope.scaling.factor`, 'float32', ropeScaling.factor),
        ]
      : []),
  ];
}
