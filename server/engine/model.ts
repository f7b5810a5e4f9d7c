import type { LoraShape, NetworkContext } from '../../models/layers.ts';
import { type LlamaConfig, rotaryNames, rotaryTables } from '../../models/llama.ts';
import type { OpBuilder } from '../../models/ops.ts';
import { onnx } from './onnx/program.ts';
import type { Build, CompileOptions, Runtime, Session } from './runtime.ts';
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

/**
 * A base model in use: its weights, fed from one place to every graph, and the sessions that are open on it. Graphs are
 * built on first use and kept while they fit into the budget.
 */
export class Model {
  readonly base: BaseModel;
  readonly config: LlamaConfig;
  readonly tokenizer: Tokenizer;
  readonly feeds: Readonly<Record<string, Float32Array>>;
  /** What trains and scores; answers always come from onnxruntime. */
  readonly runtime: Runtime;
  private readonly open = new Map<string, { session: Session; bytes: number }>();
  private readonly budget: number;

  constructor(base: BaseModel, options: { readonly sessionBytes?: number; readonly runtime?: Runtime } = {}) {
    this.base = base;
    this.config = base.config;
    this.tokenizer = base.tokenizer;
    this.runtime = options.runtime ?? onnx;
    this.budget = options.sessionBytes ?? 2.5e9;
    const { cos, sin } = rotaryTables(base.config);
    const weights = [...base.weights].map(([name, { data }]) => [name, data] as const);
    this.feeds = { ...Object.fromEntries(weights), [rotaryNames.cos]: cos, [rotaryNames.sin]: sin };
    this.runtime.memory?.keep(Object.values(this.feeds));
  }

  /**
   * The session of a graph, by a key that says all that its shape depends on. `bytes` is what it will hold while it
   * runs: others are closed first, until it fits: the largest, and of equal ones the longest unused.
   */
  async session(
    key: string,
    bytes: number,
    build: Build,
    { runtime = this.runtime, ...options }: CompileOptions & { readonly runtime?: Runtime } = {},
  ): Promise<Session> {
    const known = this.open.get(key);
    if (known !== undefined) {
      this.open.delete(key);
      this.open.set(key, known);
      return known.session;
    }
    await this.makeRoom(bytes);
    const session = await runtime.compile(build, options);
    this.open.set(key, { session, bytes });
    return session;
  }

  /** Whether a training graph computes its layers again in the backward pass. */
  recomputes(config: { readonly recompute: boolean }): boolean {
    return config.recompute || this.runtime.alwaysRecomputes;
  }

  async release(): Promise<void> {
    for (const { session } of this.open.values()) await session.release();
    this.open.clear();
    await this.runtime.release();
  }

  private async makeRoom(bytes: number): Promise<void> {
    let held = [...this.open.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    const largestFirst = [...this.open].sort(([, a], [, b]) => b.bytes - a.bytes);
    for (const [key, entry] of largestFirst) {
      if (held + bytes <= this.budget) return;
      this.open.delete(key);
      await entry.session.release();
      held -= entry.bytes;
    }
  }
}

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
