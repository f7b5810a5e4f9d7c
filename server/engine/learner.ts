import { scoreName } from '../../models/heads.ts';
import type { LoraShape } from '../../models/layers.ts';
import { type ModelConfig, weightShapes } from '../../models/network.ts';
import { UserError } from '../errors.ts';
import type { Bucket, PackedBatch } from './batches.ts';
import { activationBytes, keptBy } from './memory/sessions.ts';
import type { ActiveAdapter, Model } from './model.ts';
import { Optimiser, type OptimiserOptions, type OptimiserState, type ParameterGroup } from './optimiser.ts';
import { type Layout, layoutOf, viewsOf } from './parameters.ts';
import { uniform } from './random.ts';
import type { Build, Feeds, Output, Recompute } from './runtime.ts';
import { adapterShapes } from './weights/adapters.ts';
import type { Adapter } from './weights/types.ts';

/** What is trained: LoRA matrices, perhaps with a scalar head; or the whole base. */
export type Trained =
  | { readonly kind: 'adapter'; readonly lora: LoraShape; readonly alpha: number; readonly head?: HeadGroup }
  | { readonly kind: 'base' };

/** The head learns at a rate of its own. */
export interface HeadGroup {
  readonly learningRateFactor: number;
}

/** Steps whose gradient was not finite before a run gives up. */
const mostSkipped = 5;

/** A flat vector of parameters that learns: gradients of micro-batches add up until `update` applies them. */
export class Learner {
  readonly layout: Layout;
  readonly state: OptimiserState;
  private readonly model: Model;
  private readonly trained: Trained;
  private readonly optimiser: Optimiser;
  private readonly views: Record<string, Float32Array>;
  private held = false;

  constructor(model: Model, trained: Trained, state: OptimiserState, options: OptimiserOptions) {
    this.model = model;
    this.trained = trained;
    this.state = state;
    this.layout = trainedLayout(model.config, trained);
    if (state.parameters.length !== this.layout.size) {
      throw new RangeError(`The state holds ${state.parameters.length} parameters, the layout ${this.layout.size}.`);
    }
    this.views = viewsOf(this.layout, state.parameters);
    this.optimiser = new Optimiser(this.layout.size, groupsOf(this.layout, trained), options, model.runtime);
  }

  /** The parameters as they stand, to be fed to other graphs. Views: they move with every update. */
  get active(): ActiveAdapter {
    if (this.trained.kind === 'base') throw new Error('The base itself is trained: there is no adapter.');
    return { lora: this.trained.lora, scale: this.trained.alpha / this.trained.lora.rank, feeds: this.views };
  }

  /** Runs one micro-batch through a training graph with the scalar output `loss`, and adds its gradient. */
  async accumulate(
    { key, bucket, recompute = false, build }: TrainingGraph,
    packed: PackedBatch,
    feeds: Feeds,
  ): Promise<Record<string, Output>> {
    const { model } = this;
    await this.hold();
    const bytes = activationBytes(model.config, bucket.batch * bucket.time, keptBy(recompute), bucket.time);
    const shape = `${bucket.batch}x${bucket.time}/${bucket.reads}${recompute ? `/recompute ${recompute}` : ''}`;
    const recomputeCheap = recompute === 'cheap';
    const options = { gradients: 'accumulate', parameters: this.layout.names, recomputeCheap } as const;
    const session = await model.session(`train/${key}/${shape}`, bytes, build, options);
    const scale: Record<string, Float32Array> =
      this.trained.kind === 'base' ? {} : { loraScale: Float32Array.of(this.active.scale) };
    const all = { ...model.feeds, ...this.views, ...scale, ...packed.feeds, ...feeds };
    const { gradients } = this.optimiser;
    return session.run({ ...all, accumulated: gradients }, { gradients });
  }

  /**
   * Clips and applies what has accumulated. Where it is not finite nothing changes but the learning rate, which is halved.
   *
   * @throws UserError after five such steps
   */
  async update(learningRate: number): Promise<{ norm: number; notice?: string }> {
    await this.hold();
    const { norm, applied } = await this.optimiser.step(this.state, learningRate);
    if (applied) return { norm };
    const told = `The gradient was not finite (norm ${norm}): the step is skipped and the learning rate halved`;
    if (this.state.skipped < mostSkipped) return { norm, notice: `${told} (${this.state.skipped} of ${mostSkipped}).` };
    throw new UserError(
      `${told}; that was the ${mostSkipped}th time, so the run stops. Lower learningRate or maxGradientNorm, or look for broken rows in the data.`,
    );
  }

  /** The adapter as a PEFT folder holds it; a head makes it a reward model, with `gain` folded in and `metadata` beside. */
  adapter(options: { readonly gain?: number; readonly metadata?: Record<string, string> } = {}): Adapter {
    if (this.trained.kind === 'base') throw new Error('The base itself is trained: there is no adapter.');
    const { lora, alpha, head } = this.trained;
    const { gain = 1, metadata = {} } = options;
    const tensors = this.layout.names.map((name, k) => {
      const data = Float32Array.from(this.views[name], (value) => (name === scoreName ? value * gain : value));
      return [name, { shape: this.layout.shapes[k], data }] as const;
    });
    const task = head === undefined ? 'CAUSAL_LM' : 'SEQ_CLS';
    return { rank: lora.rank, alpha, targetModules: lora.targetModules, task, tensors: new Map(tensors), metadata };
  }

  /** Brings the parameters of `state` up to date where they learn in a device's memory, for a runtime on the host. */
  async read(): Promise<void> {
    await this.model.runtime.memory?.read(this.state.parameters);
  }

  /** Changes the parameters by hand. */
  async edit(change: (views: Readonly<Record<string, Float32Array>>) => void): Promise<void> {
    await this.read();
    change(this.views);
    if (this.held) await this.model.runtime.memory?.hold(this.state.parameters);
  }

  /** `state` is up to date afterwards. */
  async release(): Promise<void> {
    const { memory } = this.model.runtime;
    if (memory !== undefined && this.held) {
      this.held = false;
      for (const vector of this.vectors) await memory.read(vector);
      for (const vector of this.vectors) memory.letGo(vector);
    }
    await this.optimiser.release();
  }

  private get vectors(): readonly Float32Array[] {
    const { parameters, first, second } = this.state;
    return [parameters, first, second, this.optimiser.gradients];
  }

  private async hold(): Promise<void> {
    const { memory } = this.model.runtime;
    if (memory === undefined || this.held) return;
    for (const vector of this.vectors) await memory.hold(vector);
    this.held = true;
  }
}

export interface TrainingGraph {
  /** Says all that the graph depends on besides the bucket. */
  readonly key: string;
  readonly bucket: Bucket;
  readonly recompute?: Recompute;
  readonly build: Build;
}

export function trainedLayout(config: ModelConfig, trained: Trained): Layout {
  if (trained.kind === 'base') return layoutOf(weightShapes(config));
  const shapes = adapterShapes(config, trained.lora.rank, trained.lora.targetModules).map(
    ({ name, shape }) => [name, shape] as const,
  );
  return layoutOf(trained.head === undefined ? shapes : [...shapes, [scoreName, [1, config.width]]]);
}

/**
 * The parameters to start from. Tensors of `from` are copied; where it has none, A is uniform in ±1/√in and B is 0 (as in
 * PEFT), so that a fresh adapter changes nothing, and a head is 0.
 */
export function initialParameters(layout: Layout, seed: number, from?: Adapter): Float32Array {
  const flat = new Float32Array(layout.size);
  const views = viewsOf(layout, flat);
  layout.names.forEach((name, k) => {
    const known = from?.tensors.get(name);
    if (known !== undefined) views[name].set(known.data);
    else if (name.includes('lora_A')) {
      const bound = 1 / Math.sqrt(layout.shapes[k][1]);
      const values = views[name];
      for (let row = 0; row < values.length; row++) {
        values[row] = (2 * uniform({ seed, purpose: 'initialise', step: k, row }) - 1) * bound;
      }
    }
  });
  return flat;
}

function groupsOf(layout: Layout, trained: Trained): ParameterGroup[] {
  const head = trained.kind === 'adapter' ? trained.head : undefined;
  if (head === undefined) return [{ start: 0, end: layout.size, learningRateFactor: 1 }];
  const split = layout.offsets[layout.names.indexOf(scoreName)];
  return [
    { start: 0, end: split, learningRateFactor: 1 },
    { start: split, end: layout.size, learningRateFactor: head.learningRateFactor },
  ];
}
