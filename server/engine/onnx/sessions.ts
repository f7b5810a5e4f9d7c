import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Feed, type FeedData, fitted, type Session, type Slot } from '../runtime.ts';
import { sameShape } from '../shapes.ts';
import { int8ProbeGraph } from './int8.ts';
import type { CompiledGraph } from './program.ts';

/** Cores that onnxruntime may use; set once, before the first session. */
export const threads = { count: Number(process.env.PALATE_THREADS) || Math.max(1, availableParallelism()) };

/** `providers`: of onnxruntime, the preferred one first. */
export async function openSession(graph: CompiledGraph, providers: readonly string[] = ['cpu']): Promise<Session> {
  const session = await InferenceSession.create(graph.bytes, {
    executionProviders: providers,
    intraOpNumThreads: threads.count,
    executionMode: 'sequential',
    enableMemPattern: false,
    enableCpuMemArena: true,
    // Rewriting the graph takes longer than all else in opening it, and a step is not faster for it.
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
    externalData: Object.entries(graph.external).map(([path, data]) => ({ path, data })),
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

/** Of the arrays that were fed whole: weights are fed again at every run. */
const known = new WeakMap<object, OrtTensor>();

function toTensor(name: string, slot: Slot, feed: Feed | undefined): OrtTensor {
  const { data, shape } = fitted(name, slot, feed);
  const before = known.get(data);
  if (before !== undefined && sameShape(before.dims, shape)) return before;
  const tensor = tensorOf(data, shape as number[]);
  // What comes with a shape of its own is another array at every run.
  if (feed === data) known.set(data, tensor);
  return tensor;
}

function tensorOf(data: FeedData, shape: readonly number[]): OrtTensor {
  if (data instanceof Int8Array) return new OrtTensor('int8', data, shape);
  if (data instanceof Int32Array) return new OrtTensor('int32', data, shape);
  return new OrtTensor('float32', data, shape);
}

let largest: Promise<64 | 127> | undefined;

/**
 * The largest magnitude of a frozen matrix's bytes. Processors without a dot product of bytes (VNNI) add two products of
 * unsigned and signed bytes in 16 bits: 2 · 255 · 127 does not fit there and is cut, 2 · 255 · 64 fits. Tried once.
 */
export function largestInt8(): Promise<64 | 127> {
  largest ??= (async () => {
    const session = await InferenceSession.create(int8ProbeGraph(), { logSeverityLevel: 3 });
    const a = new OrtTensor('uint8', new Uint8Array(2 * 64).fill(255), [2, 64]);
    const b = new OrtTensor('int8', new Int8Array(64 * 16).fill(127), [64, 16]);
    const { y } = await session.run({ a, b });
    await session.release();
    return (y.data as Int32Array).every((value) => value === 64 * 255 * 127) ? 127 : 64;
  })();
  return largest;
}
