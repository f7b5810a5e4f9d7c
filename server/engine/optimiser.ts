import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { onnx } from './onnx/program.ts';
import { type AdamOptions, adamwStep, adamwStepEpsilonHat } from './optim/adamw.ts';
import { clipFactor, globalNorm } from './optim/clip.ts';
import type { Runtime, Session } from './runtime.ts';

/** Parameters that share a learning rate: a stretch of the flat vector. */
export interface ParameterGroup {
  readonly start: number;
  readonly end: number;
  /** Multiplies the learning rate of a step. */
  readonly learningRateFactor: number;
}

/** All that an optimiser needs to go on: part of a checkpoint. */
export type OptimiserState = {
  readonly parameters: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
  /** Updates made so far; Adam's t. */
  updates: number;
  /** Halved after each step whose gradient was not finite. */
  learningRateScale: number;
  /** Such steps so far. */
  skipped: number;
};

export function freshOptimiser(parameters: Float32Array): OptimiserState {
  const { length } = parameters;
  return {
    parameters,
    first: new Float32Array(length),
    second: new Float32Array(length),
    updates: 0,
    learningRateScale: 1,
    skipped: 0,
  };
}

export interface OptimiserOptions extends AdamOptions {
  /** Gradients are scaled down to this global norm. */
  readonly maxGradientNorm: number;
  /** Which of the two forms of AdamW. Default 'pytorch'. */
  readonly epsilonForm?: 'pytorch' | 'tensorflow';
}

/** Accumulated gradients → clip by global norm → AdamW, in place on the state's vectors, as one graph. */
export class Optimiser {
  readonly gradients: Float32Array;
  private readonly groups: readonly ParameterGroup[];
  private readonly options: OptimiserOptions;
  private readonly runtime: Runtime;
  private session: Session | undefined;

  constructor(size: number, groups: readonly ParameterGroup[], options: OptimiserOptions, runtime: Runtime = onnx) {
    this.gradients = new Float32Array(size);
    this.groups = groups;
    this.options = options;
    this.runtime = runtime;
  }

  /**
   * One update from `gradients`, which is then cleared. A gradient that is not finite changes nothing but the state's
   * `learningRateScale` and `skipped`. Returns the norm before clipping.
   */
  async step(state: OptimiserState, learningRate: number): Promise<{ norm: number; applied: boolean }> {
    this.session ??= await this.runtime.compile((ops) => this.graph(ops), { resident: this.vectorNames() });
    const { beta1, beta2 } = this.options;
    const time = state.updates + 1;
    const feeds: Record<string, Float32Array> = {
      correction1: Float32Array.of(1 - beta1 ** time),
      correction2: Float32Array.of(1 - beta2 ** time),
    };
    const into: Record<string, Float32Array> = {};
    this.groups.forEach(({ start, end, learningRateFactor }, k) => {
      feeds[`rate.${k}`] = Float32Array.of(learningRate * learningRateFactor * state.learningRateScale);
      feeds[`gradient.${k}`] = this.gradients.subarray(start, end);
      const parts = { parameter: state.parameters, first: state.first, second: state.second };
      for (const [part, vector] of Object.entries(parts)) {
        feeds[`${part}.${k}`] = vector.subarray(start, end);
        into[`new.${part}.${k}`] = feeds[`${part}.${k}`];
      }
    });
    const outputs = await this.session.run(feeds, into);
    this.gradients.fill(0);
    await this.runtime.memory?.clear(this.gradients);
    const norm = outputs.norm.data[0];
    const applied = norm < finiteLimit;
    if (applied) state.updates = time;
    else {
      state.learningRateScale /= 2;
      state.skipped++;
    }
    return { norm, applied };
  }

  async release(): Promise<void> {
    await this.session?.release();
    this.session = undefined;
  }

  private vectorNames(): string[] {
    return this.groups.flatMap((_, k) => ['parameter', 'first', 'second'].map((part) => `new.${part}.${k}`));
  }

  private graph(ops: OpBuilder): Record<string, Tensor> {
    const vector = (name: string, { start, end }: ParameterGroup) => ops.input(name, [end - start]);
    const gradients = this.groups.map((group, k) => vector(`gradient.${k}`, group));
    const norm = globalNorm(ops, gradients);
    const factor = clipFactor(ops, norm, this.options.maxGradientNorm);
    const finite = ops.less(norm, finiteLimit); // false for NaN too
    const [correction1, correction2] = [ops.input('correction1', []), ops.input('correction2', [])];
    const step = this.options.epsilonForm === 'tensorflow' ? adamwStepEpsilonHat : adamwStep;
    const outputs: Record<string, Tensor> = { norm };
    this.groups.forEach((group, k) => {
      const parameter = vector(`parameter.${k}`, group);
      const [first, second] = [vector(`first.${k}`, group), vector(`second.${k}`, group)];
      const moments = { parameter, gradient: ops.mul(gradients[k], factor), first, second };
      const size = { learningRate: ops.input(`rate.${k}`, []), correction1, correction2 };
      const next = step(ops, moments, size, this.options);
      outputs[`new.parameter.${k}`] = ops.where(finite, next.parameter, parameter);
      outputs[`new.first.${k}`] = ops.where(finite, next.first, first);
      outputs[`new.second.${k}`] = ops.where(finite, next.second, second);
    });
    return outputs;
  }
}

const finiteLimit = 3e38;
