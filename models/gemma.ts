import type { Block, DecoderShape, Network, Tokens } from './decoder.ts';
import { baseMatrix, gatedFeedForward, linear, type NetworkContext, shiftedNorm } from './layers.ts';
import {
  headRows,
  llamaModuleName,
  llamaModuleShape,
  llamaModules,
  type RopeScaling,
  rotaryAngles,
  rotaryBytes,
  rotaryNames,
  rotaryTables,
} from './llama.ts';
import type { Tensor } from './ops.ts';

/** The shape of one model of the Gemma family; names as in Hugging Face's config.json where they differ. */
export interface GemmaConfig extends DecoderShape {
  /** 'gemma3' adds norms after attention and feed-forward, norms of heads, and layers whose attention slides. */
  readonly family: 'gemma' | 'gemma3';
  /** rope_theta; of layers that attend to everything. */
  readonly ropeTheta: number;
  /** rope_scaling, of the same layers; absent: none. */
  readonly ropeScaling?: RopeScaling;
  /** query_pre_attn_scalar: scores are divided by its root. */
  readonly queryScalar: number;
  /** The layers whose attention slides; absent: none does. */
  readonly local?: LocalLayers;
}

export interface LocalLayers {
  /** Their numbers, rising. */
  readonly layers: readonly number[];
  /** sliding_window: how many tokens a token attends to, itself included. */
  readonly window: number;
  /** rope_local_base_freq */
  readonly ropeTheta: number;
}

const embeddingName = 'model.embed_tokens.weight';
const localNames = { cos: 'rotary.local.cos', sin: 'rotary.local.sin' } as const;

/** Gemma (Gemma Team 2024) and the text models of Gemma 3 (Gemma Team 2025). */
export function gemma(config: GemmaConfig): Network {
  const { vocabulary, width, normEpsilon, local } = config;
  const slides = new Set(local?.layers);
  return {
    shape: config,
    linearModules: llamaModules,
    embeddingName,
    weightShapes: () => gemmaShapes(config),
    layerModules: (layer) =>
      llamaModules.map((module) => [llamaModuleName(layer, module), llamaModuleShape(config, module)]),
    tables() {
      const { cos, sin } = rotaryTables(config);
      const tables = { [rotaryNames.cos]: cos, [rotaryNames.sin]: sin };
      if (local === undefined) return tables;
      const near = rotaryTables({ ...config, ropeTheta: local.ropeTheta, ropeScaling: undefined });
      return { ...tables, [localNames.cos]: near.cos, [localNames.sin]: near.sin };
    },
    tableBytes: rotaryBytes(config) * (local === undefined ? 1 : 2),
    addedNormFloats:
      config.family === 'gemma3' ? 2 * width + (config.heads + config.keyValueHeads) * config.headWidth : 0,
    embed(context, { ids }) {
      const { ops } = context;
      const tokens = ops.embedding(baseMatrix(context, embeddingName, [vocabulary, width]), ids); // [N, D]
      return ops.mul(tokens, Math.fround(width ** 0.5));
    },
    window: (layer) => (slides.has(layer) ? local?.window : undefined),
    block: (context, tokens) => gemmaLayer(context, config, tokens),
    finalNorm: (context, x) => shiftedNorm(context, x, 'model.norm', normEpsilon),
  };
}

function gemmaShapes(config: GemmaConfig): [name: string, shape: number[]][] {
  const { family, layers, width, headWidth, vocabulary } = config;
  const shapes: [string, number[]][] = [[embeddingName, [vocabulary, width]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    for (const module of llamaModules) {
      shapes.push([`${llamaModuleName(layer, module)}.weight`, llamaModuleShape(config, module)]);
    }
    const added = family === 'gemma3' ? ['pre_feedforward_layernorm', 'post_feedforward_layernorm'] : [];
    for (const part of ['input_layernorm', 'post_attention_layernorm', ...added]) {
      shapes.push([`${at}.${part}.weight`, [width]]);
    }
    if (family !== 'gemma3') continue;
    for (const part of ['q_norm', 'k_norm']) shapes.push([`${at}.self_attn.${part}.weight`, [headWidth]]);
  }
  shapes.push(['model.norm.weight', [width]]);
  if (!config.tiedEmbedding) shapes.push(['lm_head.weight', [vocabulary, width]]);
  return shapes;
}

/**
 * x + attention(norm(x)), then x + feedForward(norm(x)); in Gemma 3 what is added has a norm of its own:
 * [N, D] → [N, D].
 */
function gemmaLayer(context: NetworkContext, config: GemmaConfig, tokens: Tokens): Block {
  const { ops } = context;
  const { family, heads, keyValueHeads, headWidth, feedForward, normEpsilon, queryScalar, local } = config;
  const isThird = family === 'gemma3';
  const everywhere = rotaryAngles(ops, config, tokens);
  const nearby = local === undefined ? everywhere : rotaryAngles(ops, config, tokens, localNames);
  const byHead = (flat: Tensor, count: number) =>
    ops.transpose(ops.reshape(flat, [tokens.batch, tokens.time, count, headWidth]), [0, 2, 1, 3]); // [B, count, T, E]
  return (x, layer, attend) => {
    const at = `model.layers.${layer}`;
    const angles = local?.layers.includes(layer) ? nearby : everywhere;
    const normed = (input: Tensor, part: string) => shiftedNorm(context, input, `${at}.${part}`, normEpsilon);
    const apply = (input: Tensor, module: 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj') =>
      linear(context, input, llamaModuleName(layer, module), llamaModuleShape(config, module));
    const rotated = (flat: Tensor, module: 'q_norm' | 'k_norm', count: number) => {
      const rows = isThird ? normed(headRows(ops, flat, headWidth), `self_attn.${module}`) : flat;
      return ops.rotary(byHead(rows, count), angles.cos, angles.sin);
    };
    const before = normed(x, 'input_layernorm');
    const query = rotated(apply(before, 'q_proj'), 'q_norm', heads);
    const key = rotated(apply(before, 'k_proj'), 'k_norm', keyValueHeads);
    const value = byHead(apply(before, 'v_proj'), keyValueHeads);
    const mixed = attend(ops.mul(query, queryScalar ** -0.5), key, value, layer); // [B, H, T, E]
    const joined = ops.reshape(ops.transpose(mixed, [0, 2, 1, 3]), [x.shape[0], heads * headWidth]);
    const answer = apply(joined, 'o_proj'); // [N, D]
    const attended = ops.add(x, isThird ? normed(answer, 'post_attention_layernorm') : answer);
    const after = normed(attended, isThird ? 'pre_feedforward_layernorm' : 'post_attention_layernorm');
    const fed = gatedFeedForward(context, after, `${at}.mlp`, feedForward, 'gelu');
    return ops.add(attended, isThird ? normed(fed, 'post_feedforward_layernorm') : fed);
  };
}
