import type { Attend, Network, Tokens } from './decoder.ts';
import { type GemmaConfig, gemma } from './gemma.ts';
import { type Gpt2Config, gpt2, gpt2Modules } from './gpt2.ts';
import { baseMatrix, cachedAttention, groupedAttention, masked, type NetworkContext } from './layers.ts';
import { type LlamaConfig, llama, llamaModules } from './llama.ts';
import type { Matrix, OpBuilder, Tensor } from './ops.ts';

/** A model of any family. Only `networkOf` looks which. */
export type ModelConfig = LlamaConfig | Gpt2Config | GemmaConfig;

export function networkOf(config: ModelConfig): Network {
  if (config.family === undefined) return llama(config);
  return config.family === 'gpt2' ? gpt2(config) : gemma(config);
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
  const maskOf = remembered((window) => segmentMask(ops, inputs.segments, window));
  const masks = layersOf(config, (layer) => maskOf(network.window?.(layer)));
  const attend: Attend = (query, key, value, layer) => groupedAttention(ops, query, key, value, masks[layer]);
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
 * and positions [B·T], `pastMask` [B, 1, 1, S] (0 or `masked`), where a layer has a window `pastPositions` [1, 1, 1, S], a key [B, K, E, S] and a value [B, K, S, E] a layer, and
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
  const groups = config.heads / keyValueHeads;
  const maskOf = remembered((window) => ({
    past: window === undefined ? pastMask : pastWindow(ops, tokens, pastMask, window, groups),
    own: time === 1 ? undefined : causalMask(ops, time, window),
  }));
  const cache: Record<string, Tensor> = {};
  const attend: Attend = (query, key, value, layer) => {
    const names = cacheNames(layer);
    const mask = maskOf(network.window?.(layer));
    cache[names.key] = key;
    cache[names.value] = value;
    const before = {
      key: ops.input(names.pastKey, ['batch', keyValueHeads, headWidth, 'past']),
      value: ops.input(names.pastValue, ['batch', keyValueHeads, 'past', headWidth]),
      mask: mask.past,
    };
    return cachedAttention(ops, query, { key, value }, before, mask.own);
  };
  let x = network.embed(context, tokens);
  for (let layer = 0; layer < config.layers; layer++) x = block(x, layer, attend);
  const last = ops.gatherRows(x, ops.input('last', ['asked'], 'int32')); // [R, D]
  return { hidden: network.finalNorm(context, last), cache };
}

/** One value for each window, made when it is first asked for. */
function remembered<Value>(make: (window: number | undefined) => Value): (window: number | undefined) => Value {
  const made = new Map<number | undefined, Value>();
  return (window) => {
    const known = made.get(window) ?? make(window);
    made.set(window, known);
    return known;
  };
}

function layersOf<Value>({ layers }: ModelConfig, make: (layer: number) => Value): Value[] {
  return Array.from({ length: layers }, (_, layer) => make(layer));
}

/**
 * 0 where token i may attend to token j (same segment, j ≤ i, within the window), `masked` elsewhere: segments [B, T] →
 * [B, 1, T, T]. Tokens of a segment lie next to each other, so that places differ as positions do.
 */
function segmentMask(ops: OpBuilder, segments: Tensor, window: number | undefined): Tensor {
  const [batch, time] = segments.shape as number[];
  const same = ops.equal(ops.reshape(segments, [batch, 1, time, 1]), ops.reshape(segments, [batch, 1, 1, time]));
  return ops.where(ops.and(same, reached(ops, time, window)), 0, masked);
}

/** The same without segments: [1, 1, T, T]. */
function causalMask(ops: OpBuilder, time: number, window: number | undefined): Tensor {
  return ops.where(reached(ops, time, window), 0, masked);
}

/** Whether j ≤ i, and i − j < window where there is one: [1, 1, T, T]. */
function reached(ops: OpBuilder, time: number, window = time): Tensor {
  const row = (first: number) => Array.from({ length: time }, (_, k) => first + k);
  const places = ops.constant(row(0), [1, 1, time, 1], 'int32');
  const past = ops.greaterEqual(places, ops.constant(row(0), [1, 1, 1, time], 'int32'));
  if (window >= time) return past;
  return ops.and(past, ops.less(places, ops.constant(row(window), [1, 1, 1, time], 'int32')));
}

/**
 * The mask of a cache, with what lies before each new token's window masked too: [B, 1, 1, S] → [B, 1, T, S], and for
 * T > 1 the T rows once for each of the `groups` query heads that share a key, [B, 1, H/K·T, S].
 */
function pastWindow(
  ops: OpBuilder,
  { positions, batch, time }: Tokens,
  pastMask: Tensor,
  window: number,
  groups: number,
): Tensor {
  const places = ops.reshape(ops.toFloat(positions), [batch, 1, time, 1]);
  const distance = ops.sub(places, ops.input('pastPositions', [1, 1, 1, 'past'])); // [B, 1, T, S]
  const mask = ops.add(ops.where(ops.less(distance, window), 0, masked), pastMask);
  return time === 1 || groups === 1 ? mask : ops.concat(new Array<Tensor>(groups).fill(mask), 2);
}
