import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Emitter, valueInfo } from '../emitter.ts';
import { encodeModel, opset } from '../proto.ts';

/** A stretch of a vector, as a tensor of its own. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly shape: readonly number[];
}

const options: InferenceSession.SessionOptions = {
  executionProviders: ['webgpu'],
  graphOptimizationLevel: 'disabled',
  enableMemPattern: false,
  logSeverityLevel: 4,
};

export interface WebGpuOptions {
  /** A graph with an operation that would run on the CPU is refused. Default: it runs there. */
  readonly wholly?: boolean;
}

/** Opens a graph on WebGPU. Its outputs stay there where `resident` names them; the others come to the host. */
export async function openOnWebGpu(
  bytes: Uint8Array,
  outputs: Iterable<string>,
  resident: ReadonlySet<string>,
  { wholly = false }: WebGpuOptions = {},
): Promise<InferenceSession> {
  const locations = [...outputs].map((name) => [name, resident.has(name) ? 'gpu-buffer' : 'cpu'] as const);
  return InferenceSession.create(bytes, {
    ...options,
    preferredOutputLocation: Object.fromEntries(locations),
    ...(wholly ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
  });
}

/**
 * Moves vectors of float32 to and from buffers of the GPU, and cuts and joins them there. onnxruntime has no call for
 * any of it (reading a GPU tensor's data ends the process), so each is a graph of a few nodes.
 */
export class Buffers {
  private readonly sessions = new Map<string, Promise<InferenceSession>>();

  async upload(data: Float32Array | Int32Array, shape: readonly number[]): Promise<OrtTensor> {
    const type = data instanceof Int32Array ? 'int32' : 'float32';
    const session = await this.session(`upload/${type}/${shape.length}`, ['y'], (emit) => {
      const dims = shape.map((_, axis) => `d${axis}`);
      return graphOf(emit, [['x', dims, type]], [['y', dims, type, emit.emit('Identity', ['x'])]]);
    });
    const { y } = await session.run({ x: new OrtTensor(type, data as Float32Array, shape) });
    return y as OrtTensor;
  }

  /** What a buffer holds, [n]. */
  async download(tensor: OrtTensor): Promise<Float32Array> {
    const session = await this.session('download', [], (emit) =>
      graphOf(emit, [['x', ['n']]], [['y', ['n'], 'float32', emit.emit('Identity', ['x'])]]),
    );
    const { y } = await session.run({ x: tensor });
    return y.data as Float32Array;
  }

  async zeros(length: number): Promise<OrtTensor> {
    const session = await this.session(`zeros/${length}`, ['y'], (emit) => {
      const zeros = emit.emit('Expand', ['x', emit.int64([length])]);
      return graphOf(emit, [['x', [1]]], [['y', [length], 'float32', zeros]]);
    });
    return (await session.run({ x: new OrtTensor('float32', new Float32Array(1), [1]) })).y as OrtTensor;
  }

  async split(vector: OrtTensor, stretches: readonly Stretch[]): Promise<OrtTensor[]> {
    const names = stretches.map((_, k) => `y${k}`);
    const key = stretches.map(({ start, shape }) => `${start}:${shape.join('x')}`).join();
    const session = await this.session(`split/${vector.dims[0]}/${key}`, names, (emit) => {
      const parts = stretches.map(({ start, end, shape }, k) => {
        const part = emit.emit('Slice', ['x', emit.int64([start]), emit.int64([end]), emit.int64([0])]);
        return [names[k], shape, 'float32', emit.emit('Reshape', [part, emit.int64(shape)])] as const;
      });
      return graphOf(emit, [['x', [vector.dims[0]]]], parts);
    });
    const results = await session.run({ x: vector });
    return names.map((name) => results[name] as OrtTensor);
  }

  async join(parts: readonly OrtTensor[]): Promise<OrtTensor> {
    const names = parts.map((_, k) => `x${k}`);
    const lengths = parts.map(({ dims }) => dims[0]);
    const session = await this.session(`join/${lengths.join()}`, ['y'], (emit) => {
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const inputs = names.map((name, k) => [name, [lengths[k]]] as const);
      return graphOf(emit, inputs, [['y', [total], 'float32', emit.emit('Concat', names, { axis: 0 })]]);
    });
    const { y } = await session.run(Object.fromEntries(names.map((name, k) => [name, parts[k]])));
    return y as OrtTensor;
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private session(
    key: string,
    resident: readonly string[],
    build: (emit: Emitter) => Uint8Array,
  ): Promise<InferenceSession> {
    let session = this.sessions.get(key);
    if (session === undefined) {
      const outputs = resident.length > 0 ? resident : ['y'];
      session = openOnWebGpu(build(new Emitter()), outputs, new Set(resident));
      this.sessions.set(key, session);
    }
    return session;
  }
}

type ElementName = 'float32' | 'int32';
type Input = readonly [name: string, shape: readonly (number | string)[], type?: ElementName];
type Result = readonly [name: string, shape: readonly (number | string)[], type: ElementName, computed: string];

function graphOf(emit: Emitter, inputs: readonly Input[], outputs: readonly Result[]): Uint8Array {
  for (const [name, , , computed] of outputs) {
    emit.node.push({ opType: 'Identity', domain: '', input: [computed], output: [name], attribute: [] });
  }
  const values = inputs.map(([name, shape, type = 'float32']) => valueInfo(name, shape, type));
  const results = outputs.map(([name, shape, type]) => valueInfo(name, shape, type));
  return encodeModel(emit.graph(values, results), opset);
}
