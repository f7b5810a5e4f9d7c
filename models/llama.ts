import {
  baseMatrix,
  cachedAttention,
  gatedFeedForward,
  groupedAttention,
  linear,
  masked,
  type NetworkContext,
  norm,
} from './layers.ts';
import type { Matrix, OpBuilder, Shape, Tensor } from './ops.ts';

/** The shape of one model of the Llama family; names as in Hugging Face's config.json where they differ. */
export interface LlamaConfig {
  /** num_hidden_layers */
  readonly layers: number;
  /** hidden_size, D */
  readonly width: number;
  /** num_attention_heads, H */
  readonly heads: number;
  /** num_key_value_heads, K; H is a multiple of K */
  readonly keyValueHeads: number;
  /** head_dim; D / H unless the config says otherwise */
  readonly headWidth: number;
  /** intermediate_size */
  readonly feedForward: number;
  /** vocab_size, V */
  readonly vocabulary: number;
  /** rope_theta */
  readonly ropeTheta: number;
  /** rms_norm_eps */
  readonly normEpsilon: number;
  /** tie_word_embeddings: the output matrix is the embedding */
  readonly tiedEmbedding: boolean;
  /** max_position_embeddings */
  readonly maxPositions: number;
  /** rope_scaling; absent: none. The fields below are absent too where they change nothing. */
  readonly ropeScaling?: RopeScaling;
  /** Which attention modules add a bias: q, k and v (Qwen2), or those and o (attention_bias). */
  readonly attentionBias?: 'qkv' | 'qkvo';
  /** Queries and keys are normalised within each head before they are rotated (Qwen3). */
  readonly headNorms?: true;
}

/** How rotary positions are stretched beyond the length of pretraining: the frequency of each pair is divided. */
export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  /** Slow pairs are divided by `factor`, fast ones stay as they are, those between are mixed (Llama 3.1). */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** original_max_position_embeddings */
      readonly originalPositions: number;
    }
  /** A divisor for each of the E/2 pairs. */
  | { readonly type: 'factors'; readonly factors: readonly number[] };

/** The modules that LoRA adapts by default: every linear layer. */
export const linearModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

export const embeddingName = 'model.embed_tokens.weight';

/** Names and shapes of every weight of the base, in the order of the layers. */
export function weightShapes(config: LlamaConfig): [name: string, shape: number[]][] {
  const { layers, width, vocabulary } = config;
  const shapes: [string, number[]][] = [[embeddingName, [vocabulary, width]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.push([`${at}.input_layernorm.weight`, [width]]);
    for (const module of linearModules) {
      const folder = ['gate_proj', 'up_proj', 'down_proj'].includes(module) ? 'mlp' : 'self_attn';
      shapes.push([`${at}.${folder}.${module}.weight`, moduleShape(config, module)]);
      if (hasBias(config, module)) shapes.push([`${at}.${folder}.${module}.bias`, [moduleShape(config, module)[0]]]);
    }
    if (config.headNorms) {
      for (const part of ['q_norm', 'k_norm']) shapes.push([`${at}.self_attn.${part}.weight`, [config.headWidth]]);
    }
    shapes.push([`${at}.post_attention_layernorm.weight`, [width]]);
  }
  shapes.push(['model.norm.weight', [width]]);
  if (!config.tiedEmbedding) shapes.push(['lm_head.weight', [vocabulary, width]]);
  return shapes;
}

type LinearModule = (typeof linearModules)[number];

function hasBias({ attentionBias }: LlamaConfig, module: LinearModule): boolean {
  return attentionBias?.includes(module.slice(0, -'_proj'.length)) ?? false;
}

/** [out, in] of a linear module. */
export function moduleShape(config: LlamaConfig, module: LinearModule): [number, number] {
  const { width, heads, keyValueHeads, headWidth, feedForward } = config;
  switch (module) {
    case 'q_proj':
      return [heads * headWidth, width];
    case 'k_proj':
    case 'v_proj':
      return [keyValueHeads * headWidth, width];
    case 'o_proj':
      return [width, heads * headWidth];
    case 'gate_proj':
    case 'up_proj':
      return [feedForward, width];
    case 'down_proj':
      return [width, feedForward];
  }
}

/** The matrix [V, D] that turns hidden states into logits. */
export function outputMatrix(context: NetworkContext, config: LlamaConfig): Matrix {
  const name = config.tiedEmbedding ? embeddingName : 'lm_head.weight';
  return baseMatrix(context, name, [config.vocabulary, config.width]);
}

/** Names of the frozen tables cos and sin, [maxPositions, E/2], that `rotaryTables` fills. */
export const rotaryNames = { cos: 'rotary.cos', sin: 'rotary.sin' } as const;

/**
 * cos and sin of position · theta^(−2k/E) (Su et al. 2021), each frequency divided as the scaling says: each
 * [maxPositions, E/2] row by row.
 */
export function rotaryTables(config: LlamaConfig): { cos: Float32Array; sin: Float32Array } {
  const half = config.headWidth / 2;
  const divisors = rotaryDivisors(config);
  const frequencies = divisors.map((divisor, k) => config.ropeTheta ** (-k / half) / divisor);
  const cos = new Float32Array(config.maxPositions * half);
  const sin = new Float32Array(config.maxPositions * half);
  for (let position = 0; position < config.maxPositions; position++) {
    for (let k = 0; k < half; k++) {
      const angle = position * frequencies[k];
      cos[position * half + k] = Math.cos(angle);
      sin[position * half + k] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** What the scaling divides the frequency of each pair by, [E/2]. */
export function rotaryDivisors({ headWidth, ropeTheta, ropeScaling: scaling }: LlamaConfig): readonly number[] {
  if (scaling?.type === 'factors') return scaling.factors;
  const half = headWidth / 2;
  if (scaling?.type !== 'llama3') return new Array<number>(half).fill(scaling?.factor ?? 1);
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  return Array.from({ length: half }, (_, k) => {
    const turns = (originalPositions * ropeTheta ** (-k / half)) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return 1 / ((1 - kept) / factor + kept);
  });
}

/** Rows of tokens, as a training or score graph reads them. */
export interface TokenInputs {
  /** Token ids, int32 [B·T]. */
  readonly ids: Tensor;
  /** Positions, restarting in each segment, int32 [B·T]. */
  readonly positions: Tensor;
  /** int32 [B, T]: attention stays inside runs of equal number. Padding has a number of its own. */
  readonly segments: Tensor;
}

/** Declares the three inputs of a batch of B rows of T tokens. */
export function tokenInputs(ops: OpBuilder, batch: number, time: number): TokenInputs {
  return {
    ids: ops.input('ids', [batch * time], 'int32'),
    positions: ops.input('positions', [batch * time], 'int32'),
    segments: ops.input('segments', [batch, time], 'int32'),
  };
}

/** What happens to each layer's queries, keys and values: [B, H, T, E], [B, K, T, E] twice → [B, H, T, E]. */
type Attend = (query: Tensor, key: Tensor, value: Tensor, layer: number) => Tensor;

/** The hidden states after the last norm, [B·T, D]. With `recompute` each layer is a segment. */
export function llama(
  context: NetworkContext,
  config: LlamaConfig,
  inputs: TokenInputs,
  options: { readonly recompute?: boolean } = {},
): Tensor {
  const { ops } = context;
  const [batch, time] = inputs.segments.shape as number[];
  const angles = rotaryAngles(ops, config, inputs.positions, [batch, time]);
  const mask = segmentMask(ops, inputs.segments);
  const attend: Attend = (query, key, value) => groupedAttention(ops, query, key, value, mask);
  let x = ops.embedding(baseMatrix(context, embeddingName, [config.vocabulary, config.width]), inputs.ids); // [B·T, D]
  for (let layer = 0; layer < config.layers; layer++) {
    const block = (input: Tensor) => decoderLayer(context, config, input, layer, angles, attend);
    x = options.recompute ? ops.segment(block, [x]) : block(x);
  }
  return norm(context, x, 'model.norm', config.normEpsilon);
}

/** The input and output names of a layer's key and value in a decode graph. */
export const cacheNames = (layer: number) => ({
  pastKey: `past.${layer}.key`,
  pastValue: `past.${layer}.value`,
  key: `new.${layer}.key`,
  value: `new.${layer}.value`,
});

/**
 * T new tokens of each row against a cache, for generation: batch and cache length are named dimensions. Inputs are ids
 * and positions [B·T], `pastMask` [B, 1, 1, S] (0 or `masked`), a key [B, K, E, S] and a value [B, K, S, E] a layer, and
 * `last` [R], the flat indices of the tokens that are asked about. Gives their hidden states [R, D], and each layer's new
 * key and value [B, K, T, E] under `cacheNames`.
 */
export function llamaDecode(
  context: NetworkContext,
  config: LlamaConfig,
  time: number,
): { hidden: Tensor; cache: Record<string, Tensor> } {
  const { ops } = context;
  const { keyValueHeads, headWidth } = config;
  const rows = time === 1 ? 'batch' : 'rows';
  const ids = ops.input('ids', [rows], 'int32');
  const positions = ops.input('positions', [rows], 'int32');
  const angles = rotaryAngles(ops, config, positions, ['batch', time]);
  const pastMask = ops.input('pastMask', ['batch', 1, 1, 'past']);
  const mask = time === 1 ? undefined : causalMask(ops, time);
  const cache: Record<string, Tensor> = {};
  const attend: Attend = (query, key, value, layer) => {
    const names = cacheNames(layer);
    cache[names.key] = key;
    cache[names.value] = value;
    const before = {
      key: ops.input(names.pastKey, ['batch', keyValueHeads, headWidth, 'past']),
      value: ops.input(names.pastValue, ['batch', keyValueHeads, 'past', headWidth]),
      mask: pastMask,
    };
    return cachedAttention(ops, query, { key, value }, before, mask);
  };
  let x = ops.embedding(baseMatrix(context, embeddingName, [config.vocabulary, config.width]), ids);
  for (let layer = 0; layer < config.layers; layer++) {
    x = decoderLayer(context, config, x, layer, angles, attend);
  }
  const last = ops.gatherRows(x, ops.input('last', ['asked'], 'int32')); // [R, D]
  return { hidden: norm(context, last, 'model.norm', config.normEpsilon), cache };
}

interface Angles {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** One block: x + attention(norm(x)), then x + feedForward(norm(x)): [N, D] → [N, D]. */
function decoderLayer(
  context: NetworkContext,
  config: LlamaConfig,
  x: Tensor,
  layer: number,
  angles: Angles,
  attend: Attend,
): Tensor {
  const { ops } = context;
  const { heads, keyValueHeads, headWidth, normEpsilon } = config;
  const [batch, , time] = angles.cos.shape;
  const at = `model.layers.${layer}`;
  const apply = (input: Tensor, module: 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj') =>
    linear(context, input, `${at}.self_attn.${module}`, moduleShape(config, module), { bias: hasBias(config, module) });
  const byHead = (flat: Tensor, count: number) =>
    ops.transpose(ops.reshape(flat, [batch, time, count, headWidth]), [0, 2, 1, 3]); // [B, count, T, E]
  const rotated = (flat: Tensor, module: 'q_norm' | 'k_norm', count: number) => {
    const normed = config.headNorms ? headNorm(context, config, flat, `${at}.self_attn.${module}`) : flat;
    return ops.rotary(byHead(normed, count), angles.cos, angles.sin);
  };
  const before = norm(context, x, `${at}.input_layernorm`, normEpsilon);
  const query = rotated(apply(before, 'q_proj'), 'q_norm', heads);
  const key = rotated(apply(before, 'k_proj'), 'k_norm', keyValueHeads);
  const value = byHead(apply(before, 'v_proj'), keyValueHeads);
  const mixed = attend(ops.mul(query, headWidth ** -0.5), key, value, layer); // [B, H, T, E]
  const joined = ops.reshape(ops.transpose(mixed, [0, 2, 1, 3]), [x.shape[0], heads * headWidth]);
  const attended = ops.add(x, apply(joined, 'o_proj'));
  const after = norm(context, attended, `${at}.post_attention_layernorm`, normEpsilon);
  return ops.add(attended, gatedFeedForward(context, after, `${at}.mlp`, config.feedForward));
}

/** Each head's own norm, with one gain for all: [N, H·E] → [N·H, E]. */
function headNorm(context: NetworkContext, { headWidth, normEpsilon }: LlamaConfig, x: Tensor, module: string): Tensor {
  const [rows, width] = x.shape;
  const heads = (width as number) / headWidth;
  const all = typeof rows === 'number' ? rows * heads : `${rows}·${heads}`;
  return norm(context, context.ops.reshape(x, [all, headWidth]), module, normEpsilon);
}

function rotaryAngles(ops: OpBuilder, config: LlamaConfig, positions: Tensor, [batch, time]: Shape): Angles {
  const half = config.headWidth / 2;
  const rows = (name: string) => {
    const table = ops.input(name, [config.maxPositions, half]);
    return ops.reshape(ops.gatherRows(table, positions), [batch, 1, time, half]);
  };
  return { cos: rows(rotaryNames.cos), sin: rows(rotaryNames.sin) };
}

/** 0 where token i may attend to token j (same segment, j ≤ i), `masked` elsewhere: segments [B, T] → [B, 1, T, T]. */
function segmentMask(ops: OpBuilder, segments: Tensor): Tensor {
  const [batch, time] = segments.shape as number[];
  const same = ops.equal(ops.reshape(segments, [batch, 1, time, 1]), ops.reshape(segments, [batch, 1, 1, time]));
  return ops.where(ops.and(same, notAfter(ops, time)), 0, masked);
}

/** The same without segments: [1, 1, T, T]. */
function causalMask(ops: OpBuilder, time: number): Tensor {
  return ops.where(notAfter(ops, time), 0, masked);
}

function notAfter(ops: OpBuilder, time: number): Tensor {
  const order = Array.from({ length: time }, (_, k) => k);
  return ops.greaterEqual(ops.constant(order, [1, 1, time, 1], 'int32'), ops.constant(order, [1, 1, 1, time], 'int32'));
}
