import type { Attend, Network } from './decoder.ts';
import { type Gpt2Config, gpt2, gpt2Modules } from './gpt2.ts';
import { baseMatrix, cachedAttention, groupedAttention, masked, type NetworkContext } from './layers.ts';
import { type LlamaConfig, llama, llamaModules } from './llama.ts';
import type { Matrix, OpBuilder, Tensor } from './ops.ts';

/** A model of any family. Only `networkOf` looks which. */
export type ModelConfig = LlamaConfig | Gpt2Config;

export function networkOf(config: ModelConfig): Network {
  return config.family === 'gpt2' ? gpt2(config) : llama(config);
}

/** The modules that LoRA can adapt, of all families. */
export const linearModules = [...llamaModules, ...gpt2Modules] as const;

/** Names and shapes of every weight of the base, in the order of the layers. */
export function weightShapes(config: ModelConfig): [name: string, shape: number[]][] {
  return networkOf(config).weightShapes();
}

/** The matrix [V, D] that turns hidden states into logits. */
export function outputMatrix(context: NetworkContext, config: ModelConfig): Matrix {
  const name = config.tiedEmbedding ? networkOf(config).embeddingName : 'lm_head.weight';
  return baseMatrix(context, name, [config.vocabulary, config.width]);
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

/** The hidden states after the last norm, [B·T, D]. With `recompute` each layer is a segment. */
export function hiddenStates(
  context: NetworkContext,
  config: ModelConfig,
  inputs: TokenInputs,
  options: { readonly recompute?: boolean } = {},
): Tensor {
  const { ops } = context;
  const network = networkOf(config);
  const [batch, time] = inputs.segments.shape as number[];
  const tokens = { ids: inputs.ids, positions: inputs.positions, batch, time };
  const block = network.block(context, tokens);
  const mask = segmentMask(ops, inputs.segments);
  const attend: Attend = (query, key, value) => groupedAttention(ops, query, key, value, mask);
  let x = network.embed(context, tokens); // [B·T, D]
  for (let layer = 0; layer < config.layers; layer++) {
    const run = (input: Tensor) => block(input, layer, attend);
    x = options.recompute ? ops.segment(run, [x]) : run(x);
  }
  return network.finalNorm(context, x);
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
export function decodeStates(
  context: NetworkContext,
  config: ModelConfig,
  time: number,
): { hidden: Tensor; cache: Record<string, Tensor> } {
  const { ops } = context;
  const network = networkOf(config);
  const { keyValueHeads, headWidth } = config;
  const rows = time === 1 ? 'batch' : 'rows';
  const ids = ops.input('ids', [rows], 'int32');
  const positions = ops.input('positions', [rows], 'int32');
  const tokens = { ids, positions, batch: 'batch', time };
  const block = network.block(context, tokens);
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
  let x = network.embed(context, tokens);
  for (let layer = 0; layer < config.layers; layer++) x = block(x, layer, attend);
  const last = ops.gatherRows(x, ops.input('last', ['asked'], 'int32')); // [R, D]
  return { hidden: network.finalNorm(context, last), cache };
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
