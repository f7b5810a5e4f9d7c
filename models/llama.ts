import type { Block, DecoderShape, Network, Tokens } from './decoder.ts';
import { baseMatrix, gatedFeedForward, linear, type NetworkContext, norm } from './layers.ts';
import type { OpBuilder, Tensor } from './ops.ts';

/** The shape of one model of the Llama family; names as in Hugging Face's config.json where they differ. */
export interface LlamaConfig extends DecoderShape {
  readonly family?: undefined;
  /** rope_theta */
  readonly ropeTheta: number;
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

/** The linear modules by PEFT's names. */
export const llamaModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

const embeddingName = 'model.embed_tokens.weight';

/** Llama (Touvron et al. 2023) and what differs from it in a switch: Mistral, Qwen2, Qwen3. */
export function llama(config: LlamaConfig): Network {
  const { vocabulary, width, normEpsilon } = config;
  return {
    shape: config,
    linearModules: llamaModules,
    embeddingName,
    weightShapes: () => llamaShapes(config),
    layerModules: (layer) =>
      llamaModules.map((module) => [llamaModuleName(layer, module), llamaModuleShape(config, module)]),
    tables() {
      const { cos, sin } = rotaryTables(config);
      return { [rotaryNames.cos]: cos, [rotaryNames.sin]: sin };
    },
    tableBytes: rotaryBytes(config),
    embed: (context, { ids }) => context.ops.embedding(baseMatrix(context, embeddingName, [vocabulary, width]), ids),
    block(context, tokens) {
      const angles = rotaryAngles(context.ops, config, tokens);
      return decoderLayer(context, config, tokens, angles);
    },
    finalNorm: (context, x) => norm(context, x, 'model.norm', normEpsilon),
  };
}

/** The whole name of a layer's linear module. */
export function llamaModuleName(layer: number, module: LinearModule): string {
  const folder = ['gate_proj', 'up_proj', 'down_proj'].includes(module) ? 'mlp' : 'self_attn';
  return `model.layers.${layer}.${folder}.${module}`;
}

function llamaShapes(config: LlamaConfig): [name: string, shape: number[]][] {
  const { layers, width, vocabulary } = config;
  const shapes: [string, number[]][] = [[embeddingName, [vocabulary, width]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.push([`${at}.input_layernorm.weight`, [width]]);
    for (const module of llamaModules) {
      const name = llamaModuleName(layer, module);
      shapes.push([`${name}.weight`, llamaModuleShape(config, module)]);
      if (hasBias(config, module)) shapes.push([`${name}.bias`, [llamaModuleShape(config, module)[0]]]);
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

export type LinearModule = (typeof llamaModules)[number];

function hasBias({ attentionBias }: LlamaConfig, module: LinearModule): boolean {
  return attentionBias?.includes(module.slice(0, -'_proj'.length)) ?? false;
}

/** [out, in] of a linear module. */
export function llamaModuleShape(config: DecoderShape, module: LinearModule): [number, number] {
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

/** What the angles of rotary positions follow from. */
export type RotaryShape = Pick<LlamaConfig, 'headWidth' | 'maxPositions' | 'ropeTheta' | 'ropeScaling'>;

/** Names of the frozen tables cos and sin, [maxPositions, E/2], that `rotaryTables` fills. */
export const rotaryNames = { cos: 'rotary.cos', sin: 'rotary.sin' } as const;

/**
 * cos and sin of position · theta^(−2k/E) (Su et al. 2021), each frequency divided as the scaling says: each
 * [maxPositions, E/2] row by row.
 */
export function rotaryTables(config: RotaryShape): { cos: Float32Array; sin: Float32Array } {
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

/** What those two take. */
export function rotaryBytes({ maxPositions, headWidth }: RotaryShape): number {
  return maxPositions * headWidth * 4;
}

/** What the scaling divides the frequency of each pair by, [E/2]. */
export function rotaryDivisors({
  headWidth,
  ropeTheta,
  ropeScaling: scaling,
}: Omit<RotaryShape, 'maxPositions'>): readonly number[] {
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

/** What queries and keys are rotated by, each [B, 1, T, E/2]. */
export interface Angles {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** x + attention(norm(x)), then x + feedForward(norm(x)): [N, D] → [N, D]. */
function decoderLayer(context: NetworkContext, config: LlamaConfig, { batch, time }: Tokens, angles: Angles): Block {
  const { ops } = context;
  const { heads, keyValueHeads, headWidth, normEpsilon } = config;
  const byHead = (flat: Tensor, count: number) =>
    ops.transpose(ops.reshape(flat, [batch, time, count, headWidth]), [0, 2, 1, 3]); // [B, count, T, E]
  return (x, layer, attend) => {
    const at = `model.layers.${layer}`;
    const apply = (input: Tensor, module: 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj') => {
      const options = { bias: hasBias(config, module) };
      return linear(context, input, `${at}.self_attn.${module}`, llamaModuleShape(config, module), options);
    };
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
  };
}

/** Each head's own norm, with one gain for all: [N, H·E] → [N·H, E]. */
function headNorm(context: NetworkContext, { headWidth, normEpsilon }: LlamaConfig, x: Tensor, module: string): Tensor {
  return norm(context, headRows(context.ops, x, headWidth), module, normEpsilon);
}

/** A row for each head: [N, H·E] → [N·H, E]. */
export function headRows(ops: OpBuilder, x: Tensor, headWidth: number): Tensor {
  const [rows, width] = x.shape;
  const heads = (width as number) / headWidth;
  const all = typeof rows === 'number' ? rows * heads : `${rows}·${heads}`;
  return ops.reshape(x, [all, headWidth]);
}

/** The rows of the tables `names` at the positions of a graph's tokens. */
export function rotaryAngles(
  ops: OpBuilder,
  config: Pick<RotaryShape, 'headWidth' | 'maxPositions'>,
  { positions, batch, time }: Tokens,
  names: { readonly cos: string; readonly sin: string } = rotaryNames,
): Angles {
  const half = config.headWidth / 2;
  const rows = (name: string) => {
    const table = ops.input(name, [config.maxPositions, half]);
    return ops.reshape(ops.gatherRows(table, positions), [batch, 1, time, half]);
  };
  return { cos: rows(names.cos), sin: rows(names.sin) };
}
