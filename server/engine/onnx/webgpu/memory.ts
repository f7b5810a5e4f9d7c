import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { DeviceMemory } from '../../runtime.ts';
import { Buffers, type Stretch } from './buffers.ts';

/** A vector whose truth lies on the GPU. */
interface Held {
  readonly vector: Float32Array;
  /** [n] */
  current: OrtTensor;
  /** What was cut from `current`, by the stretches asked for. */
  readonly cuts: Map<string, OrtTensor[]>;
  /** Whether the host's array lags behind. */
  stale: boolean;
}

/** What has crossed between host and GPU, in bytes. */
export interface Traffic {
  /** Frozen weights and vectors that are held. */
  uploaded: number;
  /** Vectors read back. */
  downloaded: number;
  /** Everything else that graphs were fed: tokens, weights of positions, rates. */
  fed: number;
  /** Everything else that they gave: losses, scores. */
  fetched: number;
}

/** What stays on the GPU between runs: the frozen arrays of a model, and vectors that learn. */
export class WebGpuMemory implements DeviceMemory {
  readonly traffic: Traffic = { uploaded: 0, downloaded: 0, fed: 0, fetched: 0 };
  readonly buffers = new Buffers();
  private readonly frozen = new Map<ArrayBufferView, OrtTensor | undefined>();
  private held: Held[] = [];

  keep(arrays: Iterable<Float32Array>): void {
    for (const array of arrays) if (!this.frozen.has(array)) this.frozen.set(array, undefined);
  }

  drop(arrays: Iterable<Float32Array>): void {
    for (const array of arrays) {
      this.frozen.get(array)?.dispose();
      this.frozen.delete(array);
    }
  }

  async hold(vector: Float32Array): Promise<void> {
    const known = this.find(vector);
    const current = await this.uploaded(vector, [vector.length]);
    if (known !== undefined) this.replace(known, current, { stale: false });
    else this.held.push({ vector, current, cuts: new Map(), stale: false });
  }

  async clear(vector: Float32Array): Promise<void> {
    this.replace(this.require(vector), await this.buffers.zeros(vector.length), { stale: true });
  }

  async read(vector: Float32Array): Promise<void> {
    const held = this.find(vector);
    if (!held?.stale) return;
    vector.set(await this.buffers.download(held.current));
    this.traffic.downloaded += vector.byteLength;
    held.stale = false;
  }

  async settle(): Promise<void> {
    for (const { vector } of this.held) await this.read(vector);
  }

  letGo(vector: Float32Array): void {
    const held = this.find(vector);
    if (held === undefined) return;
    forgetCuts(held);
    held.current.dispose();
    this.held = this.held.filter((entry) => entry !== held);
  }

  /**
   * The GPU's tensors for arrays that are fed: frozen ones, held vectors, and views of these. The others are absent: they
   * cross at every run.
   */
  async resident(
    feeds: readonly {
      readonly name: string;
      readonly data: Float32Array | Int32Array;
      readonly shape: readonly number[];
    }[],
  ): Promise<Map<string, OrtTensor>> {
    const tensors = new Map<string, OrtTensor>();
    const cuts = new Map<Held, { names: string[]; stretches: Stretch[] }>();
    for (const { name, data, shape } of feeds) {
      if (this.frozen.has(data)) {
        const tensor = this.frozen.get(data) ?? (await this.uploaded(data as Float32Array, shape));
        this.frozen.set(data, tensor);
        tensors.set(name, tensor);
        continue;
      }
      const held = this.held.find(({ vector }) => isWithin(data, vector));
      if (held === undefined) continue;
      const start = (data.byteOffset - held.vector.byteOffset) / 4;
      const stretch = { start, end: start + data.length, shape };
      if (data.length === held.vector.length && shape.length === 1) {
        tensors.set(name, held.current);
        continue;
      }
      const known = cuts.get(held) ?? { names: [], stretches: [] };
      cuts.set(held, known);
      known.names.push(name);
      known.stretches.push(stretch);
    }
    for (const [held, { names, stretches }] of cuts) {
      const parts = await this.cut(held, stretches);
      names.forEach((name, k) => {
        tensors.set(name, parts[k]);
      });
    }
    return tensors;
  }

  /** Vectors become what a run gave: each whole, or its parts, which must cover it in order. */
  async take(results: readonly { readonly into: Float32Array; readonly tensor: OrtTensor }[]): Promise<void> {
    const parts = new Map<Held, { start: number; tensor: OrtTensor }[]>();
    for (const { into, tensor } of results) {
      const held = this.held.find(({ vector }) => isWithin(into, vector));
      if (held === undefined) throw new Error('A result was to stay on the GPU, but its vector is not held there.');
      parts.set(held, [...(parts.get(held) ?? []), { start: into.byteOffset, tensor }]);
    }
    for (const [held, list] of parts) {
      const tensors = list.sort((a, b) => a.start - b.start).map(({ tensor }) => tensor);
      const covered = tensors.reduce((sum, { dims }) => sum + dims[0], 0);
      if (covered !== held.vector.length) throw new Error(`${covered} of ${held.vector.length} entries were computed.`);
      const whole = tensors.length === 1 ? tensors[0] : await this.buffers.join(tensors);
      if (tensors.length > 1) for (const tensor of tensors) tensor.dispose();
      this.replace(held, whole, { stale: true });
    }
  }

  async release(): Promise<void> {
    for (const { vector } of this.held) this.letGo(vector);
    this.drop([...this.frozen.keys()] as Float32Array[]);
    await this.buffers.release();
  }

  private async uploaded(data: Float32Array, shape: readonly number[]): Promise<OrtTensor> {
    this.traffic.uploaded += data.byteLength;
    return this.buffers.upload(data, shape);
  }

  private async cut(held: Held, stretches: readonly Stretch[]): Promise<OrtTensor[]> {
    const key = stretches.map(({ start, shape }) => `${start}:${shape.join('x')}`).join();
    let parts = held.cuts.get(key);
    if (parts === undefined) {
      parts = await this.buffers.split(held.current, stretches);
      held.cuts.set(key, parts);
    }
    return parts;
  }

  private replace(held: Held, tensor: OrtTensor, { stale }: { readonly stale: boolean }): void {
    forgetCuts(held);
    held.current.dispose();
    held.current = tensor;
    held.stale = stale;
  }

  private find(vector: Float32Array): Held | undefined {
    return this.held.find((held) => held.vector === vector);
  }

  private require(vector: Float32Array): Held {
    return this.find(vector) ?? fail();
  }
}

function fail(): never {
  throw new Error('The vector is not held on the GPU.');
}

function forgetCuts({ cuts }: Held): void {
  for (const parts of cuts.values()) for (const part of parts) part.dispose();
  cuts.clear();
}

function isWithin(data: ArrayBufferView, vector: Float32Array): boolean {
  return (
    data.buffer === vector.buffer &&
    data.byteOffset >= vector.byteOffset &&
    data.byteOffset + data.byteLength <= vector.byteOffset + vector.byteLength
  );
}
