import type { DType, OpBuilder, Shape, Tensor } from '../../models/ops.ts';
import type { DeviceName, EngineName, Precision } from '../protocol/types.ts';
import type { BaseModel } from './weights/types.ts';

/** What runs graphs: onnxruntime, or TensorFlow. */
export interface Runtime {
  readonly name: EngineName;
  /** Where it computes. */
  readonly device: DeviceName;
  /** Memory of its own, where it has some. */
  readonly memory?: DeviceMemory;
  /** Whether layers are computed again in the backward pass, whatever the configuration says. */
  readonly alwaysRecomputes: boolean;
  compile(build: Build, options?: CompileOptions): Promise<Session>;
  /** Bytes that the frozen weights take beyond those of the base itself. */
  weightBytes(base: BaseModel): number;
  /** Lets go of what is kept between runs: the frozen weights, where the runtime has a copy of its own. */
  release(): Promise<void>;
}

/**
 * Memory beside the host's, where arrays stay between runs. An array is known by its identity: what is fed is the
 * device's copy of it, or of a part of it where a view of a held vector is fed.
 */
export interface DeviceMemory {
  /** Arrays that never change: they are copied to the device when they are first fed. */
  keep(arrays: Iterable<Float32Array>): void;
  drop(arrays: Iterable<Float32Array>): void;
  /** Copies a vector to the device, whose copy is the truth from now on: as `into` of a run it alone is written. */
  hold(vector: Float32Array): Promise<void>;
  /** Sets the device's copy to zeros. */
  clear(vector: Float32Array): Promise<void>;
  /** Brings the host's array up to date. */
  read(vector: Float32Array): Promise<void>;
  /** The same for all that is held. */
  settle(): Promise<void>;
  /** Frees the device's copy. */
  letGo(vector: Float32Array): void;
}

/** What a backward pass computes again instead of keeping it: each layer, nothing, or what takes little time. */
export type Recompute = boolean | 'cheap';

/** Makes the outputs of a graph, by name. */
export type Build = (ops: OpBuilder) => Record<string, Tensor>;

export interface CompileOptions {
  /**
   * 'each': an output `gradient/<parameter>` of the scalar output `loss` per parameter.
   * 'accumulate': one flat output `gradients`, the input `accumulated` plus every gradient in the order `parameters`.
   */
  readonly gradients?: 'each' | 'accumulate';
  /** Whether values that take little time are computed again for the gradients instead of kept. Default: kept. */
  readonly recomputeCheap?: boolean;
  /** How products with frozen matrices are computed. Default 'float32'; TensorFlow knows no other. */
  readonly precision?: Precision;
  /** With 'accumulate': the order of the flat vector; every parameter of the graph once. */
  readonly parameters?: readonly string[];
  /** Outputs that always go `into` vectors, and need not come to the host where the runtime has memory of its own. */
  readonly resident?: readonly string[];
  /**
   * Frozen matrices that the runtime may copy into the graph, packed for its products: faster where a run has few rows.
   * The copy lives as long as the session.
   */
  readonly packed?: Packed;
}

/** A frozen matrix by the name of its input; undefined: it stays an input. */
export type Packed = (name: string) => Float32Array | Int8Array | undefined;

export interface Slot {
  readonly shape: Shape;
  readonly dtype: DType | 'int8';
}

/** Data for one input: a typed array fills the declared shape; an input with named dimensions needs its `shape` too. */
export type Feed = FeedData | { readonly data: FeedData; readonly shape: readonly number[] };
/** Int8Array: a frozen matrix as bytes. */
export type FeedData = Float32Array | Int32Array | Int8Array;
export type Feeds = Readonly<Record<string, Feed>>;
export interface Output {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** One open graph. Running it blocks the thread; each runtime has one thread pool in one process. */
export interface Session {
  readonly inputs: ReadonlyMap<string, Slot>;
  readonly outputs: ReadonlyMap<string, Slot>;
  /**
   * Runs the graph. `feeds` may hold more than the graph reads. `into` names outputs that are also written into the
   * given arrays, which may be inputs of the same run where the operations before them are elementwise.
   */
  run(feeds: Feeds, into?: Readonly<Record<string, Float32Array>>): Promise<Record<string, Output>>;
  release(): Promise<void>;
}

/** What is fed to an input, checked: its data, and a shape without names. */
export function fitted(
  name: string,
  slot: Slot,
  feed: Feed | undefined,
): { readonly data: FeedData; readonly shape: readonly number[] } {
  if (feed === undefined) throw new Error(`Nothing is fed to the input ${name}.`);
  const [data, shape] = 'data' in feed ? [feed.data, feed.shape] : [feed, slot.shape as readonly number[]];
  const fits =
    shape.length === slot.shape.length &&
    slot.shape.every((dimension, axis) => typeof dimension === 'string' || dimension === shape[axis]);
  if (!fits) throw new Error(`The input ${name} is [${slot.shape.join(', ')}], fed with [${shape.join(', ')}].`);
  if (!(data instanceof arrays[slot.dtype])) throw new Error(`The input ${name} is ${slot.dtype}.`);
  return { data, shape };
}

const arrays = { float32: Float32Array, int32: Int32Array, int8: Int8Array, bool: Float32Array } as const;

/** The output that gradients are taken of. */
export function requireLoss<T extends Slot>(outputs: Readonly<Record<string, T>>): T {
  const { loss } = outputs;
  if (loss === undefined || loss.shape.length !== 0) throw new Error('Gradients need a scalar output named "loss".');
  return loss;
}

/** The order in which gradients are joined: the one asked for, which must name every parameter of the graph once. */
export function gradientOrder(parameters: readonly string[], options: CompileOptions): readonly string[] {
  const order = options.parameters ?? parameters;
  const missing = parameters.filter((name) => !order.includes(name));
  if (missing.length > 0) throw new Error(`The order of parameters lacks ${missing.join(', ')}.`);
  const foreign = order.find((name) => !parameters.includes(name));
  if (foreign !== undefined) {
    throw new Error(`The order of parameters names ${foreign}, which the graph does not have.`);
  }
  return order;
}
