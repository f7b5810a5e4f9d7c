import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Feed, fitted, type Session, type Slot } from '../runtime.ts';
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
  const { data, shape } = fitted(name, slot, feed);
  return data instanceof Int32Array
    ? new OrtTensor('int32', data, shape as number[])
    : new OrtTensor('float32', data, shape as number[]);
}
