import type * as tfjs from '@tensorflow/tfjs';
import {
  type Build,
  type CompileOptions,
  type Feeds,
  fitted,
  gradientOrder,
  type Output,
  type Runtime,
  requireLoss,
  type Session,
  type Slot,
} from '../runtime.ts';
import type { BaseModel } from '../weights/types.ts';
import { EagerBuilder, type EagerTensor } from './builder.ts';
import { gradientsOf } from './gradients.ts';
import type { TensorFlow } from './kernels.ts';
import { type Outline, outlineOf } from './outline.ts';

/** A definition, and what is known of it before it is run. */
interface Program {
  readonly build: Build;
  readonly outline: Outline;
  readonly gradients: CompileOptions['gradients'];
  /** Of the gradients. */
  readonly order: readonly string[];
}

/** One run of it. */
interface Evaluation {
  readonly builder: EagerBuilder;
  /** The value of an input or a parameter. */
  readonly leaf: (name: string) => tfjs.Tensor;
}

/** Among the versions that a manifest keeps: 'GPU' or 'CPU'. */
export const deviceKey = 'libtensorflow device';

/** TensorFlow as a runtime. A definition is gone through at every run; frozen weights are copied once. */
export class TensorFlowRuntime implements Runtime {
  readonly name = 'tensorflow';
  readonly device = 'cpu';
  /** One tape over SmolLM2-135M would keep 11 GB, where 2 do. */
  readonly alwaysRecomputes = true;
  readonly versions: Readonly<Record<string, string>>;
  private readonly tf: TensorFlow;
  /** By the array that was fed: all sessions on one base share its weights. */
  private readonly matrices = new Map<Float32Array, tfjs.Tensor2D>();

  constructor(tf: TensorFlow, versions: Readonly<Record<string, string>> = {}) {
    this.tf = tf;
    this.versions = versions;
  }

  /** Whether TensorFlow saw a GPU when it started: its tensors live there then. */
  get computesOnGpu(): boolean {
    return this.versions[deviceKey] === 'GPU';
  }

  async compile(build: Build, options: CompileOptions = {}): Promise<Session> {
    if (options.precision === 'int8-base') throw new Error('TensorFlow has no products of bytes.');
    const outline = outlineOf(build);
    const { gradients } = options;
    const order = gradients === undefined ? [] : gradientOrder(outline.parameters, options);
    const program = { build, outline, gradients, order };
    const { inputs, outputs } = slotsOf(program);
    return {
      inputs,
      outputs,
      run: async (feeds, into = {}) => this.run(program, inputs, feeds, into),
      release: async () => {},
    };
  }

  weightBytes({ weights }: BaseModel): number {
    return [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  async release(): Promise<void> {
    for (const matrix of this.matrices.values()) matrix.dispose();
    this.matrices.clear();
  }

  private run(
    program: Program,
    inputs: ReadonlyMap<string, Slot>,
    feeds: Feeds,
    into: Readonly<Record<string, Float32Array>>,
  ): Record<string, Output> {
    const results: Record<string, Output> = {};
    const give = (name: string, shape: readonly number[], data: Float32Array | Int32Array) => {
      into[name]?.set(data);
      results[name] = { shape, data: into[name] ?? data };
    };
    // A scope frees all but what is kept. It returns nothing: tfjs would look for tensors in every entry of an array.
    this.tf.tidy(() => {
      const evaluation = this.prepare(program, feeds);
      try {
        const { outputs, gradients } = evaluate(this.tf, program, evaluation);
        for (const [name, { value }] of Object.entries(outputs)) give(name, value.shape, dataOf(value));
        if (program.gradients === 'each') {
          program.order.forEach((name, k) => {
            give(`gradient/${name}`, gradients[k].shape, dataOf(gradients[k]));
          });
        } else if (program.gradients === 'accumulate') {
          const { data } = fitted('accumulated', inputs.get('accumulated')!, feeds.accumulated);
          give('gradients', [data.length], accumulated(data as Float32Array, gradients));
        }
      } finally {
        evaluation.builder.dispose();
      }
    });
    return results;
  }

  private prepare({ outline, gradients }: Program, feeds: Feeds): Evaluation {
    const leaves = new Map(
      [...outline.leaves].map(([name, slot]) => {
        const { data, shape } = fitted(name, slot, feeds[name]);
        return [name, this.tf.tensor(data as Float32Array | Int32Array, [...shape], slot.dtype)];
      }),
    );
    const matrices = new Map([...outline.matrices].map(([name, slot]) => [name, this.matrix(name, slot, feeds)]));
    const leaf = (name: string) => leaves.get(name)!;
    const builder = new EagerBuilder(this.tf, {
      leaf,
      matrix: (name) => matrices.get(name)!,
      differentiable: gradients !== undefined,
      segments: gradients === undefined ? [] : outline.segments,
    });
    return { builder, leaf };
  }

  private matrix(name: string, slot: Slot, feeds: Feeds): tfjs.Tensor2D {
    const { data, shape } = fitted(name, slot, feeds[name]) as { data: Float32Array; shape: [number, number] };
    const known = this.matrices.get(data);
    if (known !== undefined) return known;
    const matrix = this.tf.keep(this.tf.tensor2d(data, shape));
    this.matrices.set(data, matrix);
    return matrix;
  }
}

function evaluate(
  tf: TensorFlow,
  { build, gradients, order }: Program,
  { builder, leaf }: Evaluation,
): { outputs: Record<string, EagerTensor>; gradients: readonly tfjs.Tensor[] } {
  let outputs: Record<string, EagerTensor> = {};
  if (gradients === undefined) {
    outputs = build(builder) as typeof outputs;
    return { outputs, gradients: [] };
  }
  const loss = () => {
    outputs = build(builder) as typeof outputs;
    for (const { value } of Object.values(outputs)) builder.hold(value);
    return requireLoss(outputs).value.clone();
  };
  const parameters = order.map(leaf);
  return { gradients: gradientsOf(tf, loss, parameters), outputs };
}

function slotsOf({ outline, gradients, order }: Program) {
  const inputs = new Map<string, Slot>([...outline.leaves, ...outline.matrices]);
  const outputs = new Map<string, Slot>(outline.outputs);
  const float = (shape: Slot['shape']): Slot => ({ shape, dtype: 'float32' });
  if (gradients !== undefined) requireLoss(Object.fromEntries(outputs));
  if (gradients === 'each') {
    for (const name of order) outputs.set(`gradient/${name}`, float(inputs.get(name)!.shape));
  } else if (gradients === 'accumulate') {
    const size = (name: string) => (inputs.get(name)!.shape as number[]).reduce((product, n) => product * n, 1);
    const total = float([order.reduce((sum, name) => sum + size(name), 0)]);
    inputs.set('accumulated', total);
    outputs.set('gradients', total);
  }
  return { inputs, outputs };
}

/** `before` plus the gradients, one after the other. */
function accumulated(before: Float32Array, gradients: readonly tfjs.Tensor[]): Float32Array {
  const total = Float32Array.from(before);
  let offset = 0;
  for (const gradient of gradients) {
    for (const entry of dataOf(gradient)) total[offset++] += entry;
  }
  return total;
}

/** A bool tensor's data are bytes: as numbers here. */
function dataOf(value: tfjs.Tensor): Float32Array | Int32Array {
  const data = value.dataSync();
  return data instanceof Uint8Array ? Int32Array.from(data) : (data as Float32Array | Int32Array);
}
