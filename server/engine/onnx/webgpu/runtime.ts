import { type InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import {
  type Build,
  type CompileOptions,
  type Feed,
  fitted,
  type Output,
  type Runtime,
  type Session,
  type Slot,
} from '../../runtime.ts';
import { type CompiledGraph, compileGraph } from '../program.ts';
import { openOnWebGpu, type WebGpuOptions } from './buffers.ts';
import { deviceFailure } from './failures.ts';
import { WebGpuMemory } from './memory.ts';

/**
 * onnxruntime on WebGPU. The base's weights cross to the GPU once; parameters, gradients and the optimiser's state stay
 * there from step to step. Tokens go in, losses and scores come out.
 */
export class WebGpuRuntime implements Runtime {
  readonly name = 'onnx';
  readonly device = 'webgpu';
  readonly alwaysRecomputes = false;
  readonly memory = new WebGpuMemory();
  private readonly options: WebGpuOptions;

  constructor(options: WebGpuOptions = {}) {
    this.options = options;
  }

  async compile(build: Build, options: CompileOptions = {}): Promise<Session> {
    if (options.precision === 'int8-base') throw new Error('WebGPU has no products of bytes.');
    // Frozen matrices are in the GPU's memory once, for all graphs.
    const graph = compileGraph(build, { ...options, packed: undefined });
    const kept = new Set(options.gradients === 'accumulate' ? ['gradients'] : (options.resident ?? []));
    try {
      const session = await openOnWebGpu(graph.bytes, graph.outputs.keys(), kept, this.options);
      return this.sessionOf(session, graph, kept);
    } catch (error) {
      throw deviceFailure('webgpu', error);
    }
  }

  /** The GPU's copy is not in this process's memory. */
  weightBytes(): number {
    return 0;
  }

  async release(): Promise<void> {
    await this.memory.release();
  }

  private sessionOf(session: InferenceSession, graph: CompiledGraph, kept: ReadonlySet<string>): Session {
    return {
      inputs: graph.inputs,
      outputs: graph.outputs,
      run: async (feeds, into = {}) => {
        const fed = [...graph.inputs].map(([name, slot]) => fedTo(name, slot, feeds[name]));
        try {
          const resident = await this.memory.resident(fed);
          const tensors = fed.map(({ name, data, shape }) => [name, resident.get(name) ?? this.fromHost(data, shape)]);
          const results = await session.run(Object.fromEntries(tensors));
          return await this.outputsOf(results, kept, into);
        } catch (error) {
          throw deviceFailure('webgpu', error);
        }
      },
      release: () => session.release(),
    };
  }

  private async outputsOf(
    results: InferenceSession.OnnxValueMapType,
    kept: ReadonlySet<string>,
    into: Readonly<Record<string, Float32Array>>,
  ): Promise<Record<string, Output>> {
    const outputs: Record<string, Output> = {};
    const taken: { into: Float32Array; tensor: OrtTensor }[] = [];
    for (const [name, value] of Object.entries(results)) {
      const tensor = value as OrtTensor;
      if (kept.has(name)) {
        if (into[name] === undefined) throw new Error(`The output ${name} stays on the GPU: it needs a vector there.`);
        taken.push({ into: into[name], tensor });
        continue;
      }
      const data = tensor.data as Float32Array;
      this.memory.traffic.fetched += data.byteLength;
      into[name]?.set(data);
      outputs[name] = { shape: tensor.dims, data: into[name] ?? data };
    }
    await this.memory.take(taken);
    return outputs;
  }

  private fromHost(data: Float32Array | Int32Array, shape: readonly number[]): OrtTensor {
    this.memory.traffic.fed += data.byteLength;
    return data instanceof Int32Array ? new OrtTensor('int32', data, shape) : new OrtTensor('float32', data, shape);
  }
}

function fedTo(name: string, slot: Slot, feed: Feed | undefined) {
  const { data, shape } = fitted(name, slot, feed);
  if (data instanceof Int8Array) throw new Error(`The input ${name} is int8: WebGPU has no products of bytes.`);
  return { name, data, shape };
}
