/** What an open graph holds, and which graphs are open together. Plain arithmetic: no runtime, no file. */
import { type ModelConfig, networkOf } from '../../../models/network.ts';
import type { Recompute } from '../runtime.ts';

/**
 * 'train' keeps every layer's activations for the backward pass, 'cheap' those that are dear to compute, 'recompute' one
 * number a token and width, 'score' one layer's at a time.
 */
export type GraphUse = 'train' | 'cheap' | 'recompute' | 'score';

/** What a training graph keeps. */
export function keptBy(recompute: Recompute): GraphUse {
  return recompute === 'cheap' ? 'cheap' : recompute ? 'recompute' : 'train';
}

/** Rows of logits that are in memory at once. */
const logitRows = 256;
/** What a model's open graphs may hold together; others are closed first. */
export const sessionBudget = 2.5e9;

/**
 * What the backward pass of one layer reads of the forward pass, in floats a token, with LoRA of rank `rank` on all seven
 * projections: the layer's input, the two norms, the sum after attention [D]; the query and the heads' outputs [H·E]; the
 * key, its transpose, and the value [K·E]; gate, SiLU(gate), up and their product [F]; seven x Aᵀ [rank]; the attention
 * weights, H a token that may be attended to.
 */
export function layerFloats(config: ModelConfig, time: number, rank = 16): number {
  const { width, heads, keyValueHeads, headWidth, feedForward } = config;
  const { addedNormFloats = 0 } = networkOf(config);
  const floats = 4 * width + 2 * heads * headWidth + 3 * keyValueHeads * headWidth + 4 * feedForward + 7 * rank;
  return floats + heads * time + addedNormFloats;
}

/** The same without what is cheap to compute again: norms, SiLU(gate) and its product with up, attention weights. */
function dearFloats(config: ModelConfig, rank = 16): number {
  const { width, heads, keyValueHeads, headWidth, feedForward } = config;
  const { addedNormFloats = 0 } = networkOf(config); // what a norm reads is dear, what it makes is cheap
  const floats = 2 * width + 2 * heads * headWidth + 3 * keyValueHeads * headWidth + 2 * feedForward + 7 * rank;
  return floats + addedNormFloats;
}

/** onnxruntime's arena hands out whole blocks and never moves one: measured on SmolLM2-135M and the embedded model. */
const arenaShare = 1.07;
/** What the backward pass of a layer makes on its way, as a share of what it reads. */
const backwardShare = 0.8;

/** Of one layer, in bytes: its activations, those that are dear to compute, and its input. */
interface LayerBytes {
  readonly all: number;
  readonly dear: number;
  readonly input: number;
}

/** What a graph holds of its layers at once. Another way to recompute is another row. */
const heldOfLayers: Readonly<Record<GraphUse, (layer: LayerBytes, layers: number) => number>> = {
  train: ({ all }, layers) => all * (layers + backwardShare),
  cheap: ({ all, dear }, layers) => dear * layers + all * (1 + backwardShare),
  recompute: ({ all, input }, layers) => input * layers + all * (1 + backwardShare),
  score: ({ all }) => all,
};

/**
 * Bytes that a graph over `tokens` tokens, in lines of `time`, holds while it runs: activations, and one chunk of logits
 * with its softmax and the product that made it.
 */
export function activationBytes(config: ModelConfig, tokens: number, use: GraphUse, time = 128): number {
  const bytes = (floats: number) => floats * tokens * 4;
  const layer = {
    all: bytes(layerFloats(config, time)),
    dear: bytes(dearFloats(config)),
    input: bytes(config.width),
  };
  return heldOfLayers[use](layer, config.layers) * arenaShare + logitBytes(config);
}

/** One chunk of logits, its softmax, and the product that made it. */
export const logitBytes = ({ vocabulary }: ModelConfig) => 3 * logitRows * vocabulary * 4;

/** A graph on its way to be opened, or open. */
export interface OpenGraph {
  readonly key: string;
  readonly bytes: number;
}

/**
 * Which open graphs are closed before one of `bytes` is opened: the largest first, and of equal ones the longest unused,
 * until all fit. `open` has the longest unused first.
 */
export function graphsToClose(open: readonly OpenGraph[], bytes: number, budget = sessionBudget): OpenGraph[] {
  const closed: OpenGraph[] = [];
  let held = open.reduce((sum, graph) => sum + graph.bytes, 0);
  for (const graph of [...open].sort((a, b) => b.bytes - a.bytes)) {
    if (held + bytes <= budget) break;
    closed.push(graph);
    held -= graph.bytes;
  }
  return closed;
}
