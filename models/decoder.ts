import type { NetworkContext } from './layers.ts';
import type { Dimension, Tensor } from './ops.ts';

/** The shape that every decoder-only transformer has; names as in Hugging Face's config.json where they differ. */
export interface DecoderShape {
  /** num_hidden_layers */
  readonly layers: number;
  /** hidden_size, D */
  readonly width: number;
  /** num_attention_heads, H */
  readonly heads: number;
  /** num_key_value_heads, K; H is a multiple of K */
  readonly keyValueHeads: number;
  /** head_dim, E; D / H unless the config says otherwise */
  readonly headWidth: number;
  /** intermediate_size */
  readonly feedForward: number;
  /** vocab_size, V */
  readonly vocabulary: number;
  /** What is added to the variance in norms: rms_norm_eps, layer_norm_epsilon. */
  readonly normEpsilon: number;
  /** tie_word_embeddings: the output matrix is the embedding */
  readonly tiedEmbedding: boolean;
  /** max_position_embeddings */
  readonly maxPositions: number;
}

/** Tokens as a network reads them: B rows of T, one after the other. */
export interface Tokens {
  /** int32 [B·T] */
  readonly ids: Tensor;
  /** Restarting in each segment, int32 [B·T]. */
  readonly positions: Tensor;
  readonly batch: Dimension;
  readonly time: number;
}

/**
 * What happens to each layer's queries (already divided by √E), keys and values: [B, H, T, E], [B, K, T, E] twice →
 * [B, H, T, E].
 */
export type Attend = (query: Tensor, key: Tensor, value: Tensor, layer: number) => Tensor;

/** One layer: [B·T, D] → [B·T, D]. */
export type Block = (x: Tensor, layer: number, attend: Attend) => Tensor;

/** What a family of models differs in. models/network.ts makes graphs of it that no caller needs to tell apart. */
export interface Network {
  readonly shape: DecoderShape;
  /** The modules that LoRA adapts by default, every linear layer: names as PEFT lists them. */
  readonly linearModules: readonly string[];
  /** The embedding's weight, [V, D]. */
  readonly embeddingName: string;
  /** Names and shapes of every weight of the base, in the order of the layers; matrices are [out, in]. */
  weightShapes(): [name: string, shape: number[]][];
  /** The linear modules of a layer: name (that of the weight without ".weight") and [out, in]. */
  layerModules(layer: number): [module: string, shape: [number, number]][];
  /** Frozen tables that graphs read beside the weights, by the name of their input. */
  tables(): Record<string, Float32Array>;
  /** What they take. */
  readonly tableBytes: number;
  /** What a layer's norms read beyond the two that every family has, in floats a token; absent: nothing. */
  readonly addedNormFloats?: number;
  /** What the first layer reads: [B·T, D]. */
  embed(context: NetworkContext, tokens: Tokens): Tensor;
  /** How many tokens, itself included, a token attends to in a layer; absent or undefined: all that came before. */
  window?(layer: number): number | undefined;
  /** The layers of one graph; what they share is built here, once. */
  block(context: NetworkContext, tokens: Tokens): Block;
  /** The norm after the last layer: [N, D] → [N, D]. */
  finalNorm(context: NetworkContext, x: Tensor): Tensor;
}
