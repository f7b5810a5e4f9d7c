/**
 * The most memory that the engine's process will hold, from what a model and a configuration say: one estimate for
 * *Train…*, the doctor and the command line. Plain arithmetic: no runtime, no file. `npm run prove -- memory` holds it
 * against what processes really took.
 */
import { type ModelConfig, networkOf, weightShapes } from '../../../models/network.ts';
import type { EngineName, StageName } from '../../protocol/types.ts';
import type { Recompute } from '../runtime.ts';
import {
  activationBytes,
  type GraphUse,
  graphsToClose,
  keptBy,
  logitBytes,
  type OpenGraph,
  sessionBudget,
} from './sessions.ts';

export type MemoryUse = StageName | 'score' | 'generate';

/** How the frozen base is kept. */
export type BasePrecision = 'float32';
/** Bytes of one of its numbers; another precision is another row. */
const weightBytes: Readonly<Record<BasePrecision, number>> = { float32: 4 };

export interface MemoryQuestion {
  readonly config: ModelConfig;
  /** Default float32. */
  readonly precision?: BasePrecision;
  readonly engine: EngineName;
  readonly use: MemoryUse;
  /** Whether layers are computed again in the backward pass; on TensorFlow they always are. */
  readonly recompute: Recompute;
  /** Tokens in one micro-batch. */
  readonly microBatchTokens: number;
  /** Rows of one optimiser step: a bucket has no more lines than they need. */
  readonly rowsAtOnce: number;
  /** Of the LoRA adapters. */
  readonly rank: number;
  /** Tokens of the longest prompt, and of the longest prompt with its response. */
  readonly longestPrompt: number;
  readonly longestRow: number;
  /** Responses that are sampled together, and the most tokens of one. */
  readonly answers: number;
  readonly maxNewTokens: number;
}

/** Bytes, by what they are for. Nothing is in two of them. */
export interface MemoryParts {
  /** Node, the runtime's library, the tokenizer, graphs as they are built. */
  readonly program: number;
  /** The base model's weights, which every adapter shares. */
  readonly base: number;
  /** TensorFlow's own copy of them. */
  readonly secondCopy: number;
  /** Adapters, gradients and the optimiser's moments. */
  readonly adapters: number;
  /** What the largest set of graphs that are open together holds. */
  readonly graphs: number;
  /** Keys and values of the responses being sampled. */
  readonly answers: number;
}

export interface MemoryEstimate {
  readonly parts: MemoryParts;
  readonly total: number;
}

const megabyte = 1e6;
/** Measured on linux-x64, Node 20: the engine before it has loaded a model. */
const programBytes: Readonly<Record<EngineName, number>> = { onnx: 105 * megabyte, tensorflow: 505 * megabyte };
/** A vocabulary as JavaScript holds it: strings, maps and merges, a token. */
const tokenBytes = 1200;
/** A training graph while it is built and written: nodes, their names, the file. */
const graphBytes = { fixed: 25 * megabyte, layer: 1.5 * megabyte };
/** One pass of scoring (server/engine/scoring.ts), and what is read of a prompt at once (generation/generate.ts). */
const scoreTokens = 1024;
const prefillTokens = 32;
/** What is budgeted for each of the two graphs that decode. */
const decodeBudget = 2e8;

export function estimateMemory(question: MemoryQuestion): MemoryEstimate {
  const { config, engine, use, precision = 'float32' } = question;
  const trains = use !== 'score' && use !== 'generate';
  const runtime = trains ? engine : 'onnx';
  const base = weightBytes[precision] * parameters(config);
  const parts: MemoryParts = {
    program: programBytes[runtime] + config.vocabulary * tokenBytes + (trains ? graphHeap(config) : 0),
    base: base + networkOf(config).tableBytes,
    secondCopy: runtime === 'tensorflow' ? base : 0,
    adapters: adapterShare(question),
    graphs: mostOpen(question),
    answers: use === 'ppo' || use === 'generate' ? cacheBytes(question) : 0,
  };
  return { parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

/** Parameters, gradients, and Adam's two moments. */
export const learnerVectors = 4;

/** Bytes of one adapter in float32. */
export function adapterBytes(config: ModelConfig, rank: number): number {
  const modules = networkOf(config).layerModules(0);
  const each = modules.reduce((sum, [, [out, inner]]) => sum + rank * (out + inner), 0);
  return 4 * config.layers * each;
}

/**
 * A learner holds parameters, gradients and two moments. Its optimiser step makes three new vectors and hands copies of
 * them out; the training graph gives gradients singly, joined, added, and as a copy.
 */
function adapterShare({ config, engine, rank, use }: MemoryQuestion): number {
  const one = adapterBytes(config, rank);
  const learner = learnerVectors * one;
  const step = 5 * one;
  const gradients = (engine === 'tensorflow' ? 4 + uncollected : 4) * one;
  switch (use) {
    case 'generate':
      return 0;
    // The file's bytes, and the tensors.
    case 'score':
      return 2 * one;
    case 'sft':
      return learner + step + gradients;
    case 'reward':
      return learner + step + gradients + one;
    // Policy and critic learn; the reference and the reward model are read.
    case 'ppo':
      return 2 * (learner + step) + gradients + 2 * one;
  }
}

/**
 * What TensorFlow hands out is freed when JavaScript's collector comes round, and the collector does not know how large
 * it is: the gradients and vectors of a few steps, in vectors. Measured, and the least certain of the terms.
 */
const uncollected = 22;

/** Keys and values of every response, in buckets that grow: the smaller one is copied into the larger. */
function cacheBytes({ config, answers, longestPrompt, maxNewTokens }: MemoryQuestion): number {
  const { layers, keyValueHeads, headWidth } = config;
  const token = 2 * layers * keyValueHeads * headWidth * 4;
  const capacity = roundUp(longestPrompt + maxNewTokens, 32);
  const before = Math.max(32, capacity - 32);
  return Math.max(2, answers) * token * (capacity + (capacity > 32 ? before : 0));
}

/** The most that graphs which are open together hold, opened in the order of the work and closed as the budget says. */
function mostOpen(question: MemoryQuestion): number {
  const graphs = graphsOf(question);
  // TensorFlow keeps nothing between two runs.
  const between = (graph: Graph) => (graph.eager ? 0 : graph.real);
  let open: Graph[] = [];
  let most = 0;
  for (const graph of graphs) {
    const closed = new Set(graphsToClose(open, graph.bytes));
    open = open.filter((other) => !closed.has(other));
    most = Math.max(most, graph.real + (graph.opening ?? 0) + open.reduce((sum, other) => sum + between(other), 0));
    open.push(graph);
  }
  return most;
}

interface Graph extends OpenGraph {
  /** What it takes, where `bytes` is what the budget counts. */
  readonly real: number;
  /** What it takes besides while it is opened. */
  readonly opening?: number;
  readonly eager: boolean;
}

function graphsOf(question: MemoryQuestion): Graph[] {
  const { use, longestPrompt, longestRow, maxNewTokens } = question;
  const training = (key: string, longest: number, readsLogits: boolean) =>
    trainingGraph(question, key, longest, readsLogits);
  switch (use) {
    case 'sft':
      return [training('sft', longestRow, true)];
    case 'reward':
      return [training('reward', longestRow, false), scoreGraph(question, 'scalar', longestRow)];
    case 'score':
      return [scoreGraph(question, 'scalar', longestRow)];
    case 'generate':
      return decodeGraphs(question);
    case 'ppo': {
      const longest = longestPrompt + maxNewTokens;
      return [
        ...decodeGraphs(question),
        scoreGraph(question, 'logps', longest),
        scoreGraph(question, 'scalar', longest),
        training('policy', longest, true),
        training('critic', longest, false),
      ];
    }
  }
}

function trainingGraph(question: MemoryQuestion, key: string, longest: number, readsLogits: boolean): Graph {
  const { engine, microBatchTokens, recompute, rowsAtOnce } = question;
  const { tokens, time } = bucketOf(longest, microBatchTokens, rowsAtOnce);
  const how: GraphUse = engine === 'tensorflow' ? 'recompute' : keptBy(recompute);
  return graphOf(question, key, how, { tokens, time, readsLogits });
}

function scoreGraph(question: MemoryQuestion, key: 'logps' | 'scalar', longest: number): Graph {
  const rows = question.use === 'ppo' ? question.answers : Number.POSITIVE_INFINITY;
  return graphOf(question, key, 'score', { ...bucketOf(longest, scoreTokens, rows), readsLogits: key === 'logps' });
}

function graphOf(
  { config, engine, use }: MemoryQuestion,
  key: string,
  how: GraphUse,
  { tokens, time, readsLogits }: { readonly tokens: number; readonly time: number; readonly readsLogits: boolean },
): Graph {
  const bytes = activationBytes(config, tokens, how, time);
  const logits = readsLogits ? 0 : logitBytes(config);
  const eager = engine === 'tensorflow' && use !== 'score' && use !== 'generate';
  return { key, bytes, real: (bytes - logits) * (eager ? eagerShare : 1), eager };
}

/** A tape keeps what each of TensorFlow's operations made, where a graph reuses it. */
const eagerShare = 1.5;

/** Prompts are read in stretches; then one token of every response, with its logits, softmax and a copy of both. */
function decodeGraphs({ config, answers }: MemoryQuestion): Graph[] {
  const rows = Math.max(2, answers);
  const layer = (tokens: number) => activationBytes(config, tokens, 'score', prefillTokens) - logitBytes(config);
  const logits = 4 * rows * config.vocabulary * 4;
  const packed = packedBytes(config);
  return [
    { key: 'prefill', bytes: decodeBudget, real: layer(rows * prefillTokens) + logits, eager: false },
    {
      key: 'decode',
      bytes: decodeBudget + packed,
      real: layer(rows) + logits + packed,
      opening: packingShare * packed,
      eager: false,
    },
  ];
}

/** While a graph with packed matrices is opened, most of them are there twice. Measured on SmolLM2-135M. */
const packingShare = 0.7;

/** The copy of the base's matrices that the graph of single tokens has, where it is not too large (server/engine/model.ts). */
function packedBytes(config: ModelConfig): number {
  const matrices = weightShapes(config).filter(([, shape]) => shape.length === 2);
  const bytes = 4 * matrices.reduce((sum, [, [rows, columns]]) => sum + rows * columns, 0);
  return bytes <= sessionBudget / 2 ? bytes : 0;
}

/** As server/engine/batches.ts lays rows out: lines that hold the longest one, as many in each pass. */
function bucketOf(longest: number, tokens: number, rows: number): { readonly tokens: number; readonly time: number } {
  const time = roundUp(Math.max(1, longest), 16);
  const most = Math.max(1, Math.floor(tokens / time));
  const lines = Number.isFinite(rows) ? Math.ceil(rows / Math.ceil(rows / most)) : most;
  return { tokens: time * lines, time };
}

function parameters(config: ModelConfig): number {
  return weightShapes(config).reduce((sum, [, shape]) => sum + shape.reduce((size, n) => size * n, 1), 0);
}

const graphHeap = ({ layers }: ModelConfig) => graphBytes.fixed + graphBytes.layer * layers;
const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;
