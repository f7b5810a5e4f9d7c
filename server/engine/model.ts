import type { LoraShape, NetworkContext } from '../../models/layers.ts';
import { type ModelConfig, networkOf } from '../../models/network.ts';
import type { OpBuilder } from '../../models/ops.ts';
import type { Precision } from '../protocol/types.ts';
import { graphsToClose, sessionBudget } from './memory/sessions.ts';
import { onnx } from './onnx/program.ts';
import { largestInt8 } from './onnx/sessions.ts';
import type { Build, CompileOptions, Packed, Recompute, Runtime, Session } from './runtime.ts';
import { Int8Weights } from './weights/int8.ts';
import type { Adapter, BaseModel, Tokenizer } from './weights/types.ts';

/** An adapter as graphs read it: which modules it has, its scale, and its tensors by name. */
export interface ActiveAdapter {
  readonly lora: LoraShape;
  /** alpha / rank */
  readonly scale: number;
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

/** The values to feed for an adapter folder; a reward adapter's head is among them. */
export function activate(adapter: Adapter): ActiveAdapter {
  const { rank, alpha, targetModules, tensors } = adapter;
  const feeds = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
  return { lora: { rank, targetModules }, scale: alpha / rank, feeds };
}

/** How a session is compiled; absent: as the model trains. */
export interface SessionOptions extends Omit<CompileOptions, 'packed'> {
  readonly runtime?: Runtime;
  /** The runtime gets a packed copy of the base where the budget allows: for graphs that run often, on few rows. */
  readonly pack?: boolean;
}

export interface ModelOptions {
  /** What open sessions may hold. Default 2.5 GB. */
  readonly sessionBytes?: number;
  /** Default onnxruntime on the CPU. */
  readonly runtime?: Runtime;
  /** Default 'float32'. */
  readonly precision?: Precision;
}

/**
 * A base model in use: its weights, fed from one place to every graph, and the sessions that are open on it. Graphs are
 * built on first use and kept while they fit into the budget.
 */
export class Model {
  readonly base: BaseModel;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly feeds: Readonly<Record<string, Float32Array>>;
  /** What trains and scores; answers always come from onnxruntime. */
  readonly runtime: Runtime;
  /** How graphs multiply with the frozen base, unless they ask for something else. */
  readonly precision: Precision;
  private readonly open = new Map<string, { session: Session; bytes: number }>();
  private readonly budget: number;

  constructor(base: BaseModel, options: ModelOptions = {}) {
    this.base = base;
    this.config = base.config;
    this.tokenizer = base.tokenizer;
    this.runtime = options.runtime ?? onnx;
    this.precision = options.precision ?? 'float32';
    this.budget = options.sessionBytes ?? sessionBudget;
    const weights = [...base.weights].map(([name, { data }]) => [name, data] as const);
    this.feeds = { ...Object.fromEntries(weights), ...networkOf(base.config).tables() };
    this.runtime.memory?.keep(Object.values(this.feeds));
  }

  /**
   * The session of a graph, by a key that says all that its shape depends on. `bytes` is what it will hold while it
   * runs: others are closed first, until it fits: the largest, and of equal ones the longest unused.
   */
  async session(key: string, bytes: number, build: Build, options: SessionOptions = {}): Promise<Session> {
    const { runtime = this.runtime, precision = this.precision, pack = false, ...rest } = options;
    const full = precision === 'float32' ? key : `${key}/${precision}`;
    const known = this.open.get(full);
    if (known !== undefined) {
      this.open.delete(full);
      this.open.set(full, known);
      return known.session;
    }
    const copy = pack ? this.packedBytes(precision) : 0;
    await this.makeRoom(bytes + copy);
    const packed = copy > 0 ? await this.packed(precision) : undefined;
    const compiled = await runtime.compile(build, { ...rest, precision, packed });
    const session = precision === 'int8-base' ? await this.fedWithBytes(compiled) : compiled;
    this.open.set(full, { session, bytes: bytes + copy });
    return session;
  }

  /**
   * Bytes of a packed copy of the base's matrices; 0 where it would take more than half the budget. That depends on the
   * model alone, never on what is free just now: packed products round differently, and a run that is gone on with must
   * draw what it would have drawn.
   */
  private packedBytes(precision: Precision): number {
    const sizes = [...this.base.weights.values()].map(({ shape, data }) => (shape.length === 2 ? data.length : 0));
    const bytes = sizes.reduce((sum, size) => sum + size, 0) * (precision === 'float32' ? 4 : 1);
    return bytes <= this.budget / 2 ? bytes : 0;
  }

  /** The base's matrices as a graph of that precision multiplies with them. */
  private async packed(precision: Precision): Promise<Packed> {
    if (precision === 'float32') return (name) => this.feeds[name];
    const bytes = await int8Weights(this.base);
    return (name) => bytes.feedsFor([name])[name];
  }

  /** The session, fed with the base's bytes besides what it is given. */
  private async fedWithBytes(session: Session): Promise<Session> {
    const bytes = (await int8Weights(this.base)).feedsFor(session.inputs.keys());
    // What is not among the bytes is looked up in the feeds: to copy hundreds of entries at every run takes time.
    return { ...session, run: (feeds, into) => session.run(Object.assign(Object.create(feeds), bytes), into) };
  }

  /** What a training graph computes again in the backward pass. */
  recomputes(config: { readonly recompute: Recompute }): Recompute {
    return this.runtime.alwaysRecomputes || config.recompute;
  }

  /** Bytes that the open graphs are reckoned to hold. */
  get graphBytes(): number {
    return [...this.open.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async release(): Promise<void> {
    for (const { session } of this.open.values()) await session.release();
    this.open.clear();
    await this.runtime.release();
  }

  private async makeRoom(bytes: number): Promise<void> {
    const open = [...this.open].map(([key, entry]) => ({ key, bytes: entry.bytes }));
    for (const { key } of graphsToClose(open, bytes, this.budget)) {
      const entry = this.open.get(key)!;
      this.open.delete(key);
      await entry.session.release();
    }
  }
}

/** One copy of the base as bytes, for every view of it. */
async function int8Weights(base: BaseModel): Promise<Int8Weights> {
  const known = quantised.get(base) ?? new Int8Weights(base.weights, await largestInt8());
  quantised.set(base, known);
  return known;
}

const quantised = new WeakMap<BaseModel, Int8Weights>();

/** What the layers need to know where the base is frozen and `lora` is added (absent: the bare base). */
export function adapterContext(ops: OpBuilder, lora: LoraShape | undefined): NetworkContext {
  if (lora === undefined) return { ops, train: 'adapter' };
  return { ops, train: 'adapter', lora, loraScale: ops.input('loraScale', []) };
}

/** The feeds of an adapter at its scale; a scale of 0 gives the bare base. */
export function adapterFeeds(adapter: ActiveAdapter | undefined): Record<string, Float32Array> {
  return adapter === undefined ? {} : { ...adapter.feeds, loraScale: Float32Array.of(adapter.scale) };
}

/** A part of a session's key: which adapter matrices its graph has. */
export function loraKey(lora: LoraShape | undefined): string {
  return lora === undefined ? 'bare' : `${lora.rank}:${[...lora.targetModules].sort().join()}`;
}
