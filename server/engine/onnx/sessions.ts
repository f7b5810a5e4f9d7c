import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { CompiledGraph, Feed, Feeds, Output, Slot } from './program.ts';

/** One open graph. Running it blocks the thread; there is one thread of onnxruntime in one process. */
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

/** Cores that onnxruntime may use; set once, before the first session. */
export const threads = { count: Number(process.env.PALATE_THREADS) || Math.max(1, availableParallelism()) };

export async function openSession(graph: CompiledGraph): Promise<Session> {
  const session = await InferenceSession.create(graph.bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads.count,
    executionMode: 'sequential',
    enableMemPattern: false,
    enableCpuMemArena: true,
    // Rewriting the graph takes longer than all else in opening it, and a step is not faster for it.
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  return {
    inputs: graph.inputs,
    outputs: graph.outputs,
    async run(feeds, into = {}) {
      const tensors: Record<string, OrtTensor> = {};
      for (const [name, slot] of graph.inputs) tensors[name] = toTensor(name, slot, feeds[name]);
      const fetches: Record<string, OrtTensor | null> = {};
      for (const [name, { shape }] of graph.outputs) {
        fetches[name] = into[name] === undefined ? null : new OrtTensor('float32', into[name], shape as number[]);
      }
      const results = await session.run(tensors, fetches);
      return Object.fromEntries(
        Object.entries(results).map(([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }]),
      );
    },
    release: () => session.release(),
  };
}

function toTensor(name: string, slot: Slot, feed: Feed | undefined): OrtTensor {
  if (feed === undefined) throw new Error(`Nothing is fed to the input ${name}.`);
  const [data, shape] = 'data' in feed ? [feed.data, feed.shape] : [feed, slot.shape];
  const fits =
    shape.length === slot.shape.length &&
    slot.shape.every((dimension, axis) => typeof dimension === 'string' || dimension === shape[axis]);
  if (!fits) throw new Error(`The input ${name} is [${slot.shape.join(', ')}], fed with [${shape.join(', ')}].`);
  if ((slot.dtype === 'int32') !== data instanceof Int32Array) throw new Error(`The input ${name} is ${slot.dtype}.`);
  return data instanceof Int32Array
    ? new OrtTensor('int32', data, shape as number[])
    : new OrtTensor('float32', data, shape as number[]);
}
