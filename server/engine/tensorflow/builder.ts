import type * as tfjs from '@tensorflow/tfjs';
import type { DType, Shape, Tensor } from '../../../models/ops.ts';
import { CheckedBuilder } from '../builder.ts';
import type { Operation } from '../operations.ts';
import { gradientsOf } from './gradients.ts';
import { kernels, type TensorFlow } from './kernels.ts';
import type { Captured } from './outline.ts';

/** A tensor with its value. */
export interface EagerTensor extends Tensor {
  readonly value: tfjs.Tensor;
}

export interface EagerOptions {
  /** The value of an input or a parameter. */
  readonly leaf: (name: string) => tfjs.Tensor;
  readonly matrix: (name: string) => tfjs.Tensor2D;
  /** Whether gradients of a loss will be asked for. */
  readonly differentiable: boolean;
  /** What each segment reads, in the order of the calls. */
  readonly segments: readonly Captured[];
}

/** The OpBuilder that calls TensorFlow at once. */
export class EagerBuilder extends CheckedBuilder<EagerTensor> {
  private readonly kept: tfjs.Tensor[] = [];
  /** What was made outside segments, parameters aside: `Captured` names places in it. */
  private readonly outer: EagerTensor[] = [];
  private readonly tf: TensorFlow;
  private readonly options: EagerOptions;
  private nextSegment = 0;
  private inside = false;

  constructor(tf: TensorFlow, options: EagerOptions) {
    super();
    this.tf = tf;
    this.options = options;
  }

  /** Computes `fn` without a tape, and again with one, in the backward pass: one gradient call a segment. */
  segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): EagerTensor {
    const { tf } = this;
    if (this.inside) return fn(...inputs) as EagerTensor;
    // Without gradients too a segment frees what is made inside.
    if (!this.options.differentiable) return this.freed(() => fn(...inputs) as EagerTensor);
    const { parameters, outer } = this.options.segments[this.nextSegment++];
    const operands = inputs as readonly EagerTensor[];
    const captured = [...parameters.map(this.options.leaf), ...outer.map((place) => this.outer[place].value)];
    const evaluate = (values: readonly tfjs.Tensor[]) => {
      this.inside = true;
      try {
        return fn(...operands.map((input, k): EagerTensor => ({ ...input, value: values[k] }))) as EagerTensor;
      } finally {
        this.inside = false;
      }
    };
    let result: EagerTensor | undefined;
    const compute = () => {
      const value = tf.tidy(() => {
        result = evaluate(operands.map((operand) => operand.value));
        return result.value.clone();
      });
      const gradFunc = (dy: tfjs.Tensor) => {
        // The same tensor may be given twice: each place has a gradient of its own.
        const values = operands.map((operand) => operand.value.clone());
        const xs = [...values.filter((value) => value.dtype === 'float32'), ...captured];
        return gradientsOf(tf, () => evaluate(values).value.clone(), xs, dy);
      };
      return { value, gradFunc };
    };
    const read = [...operands.map((operand) => operand.value).filter(({ dtype }) => dtype === 'float32'), ...captured];
    const value = tf.customGrad(compute as unknown as Parameters<typeof tf.customGrad>[0])(...read);
    return this.made({ ...result!, value });
  }

  private freed(make: () => EagerTensor): EagerTensor {
    let made: EagerTensor | undefined;
    const value = this.tf.tidy(() => {
      made = make();
      return made.value.clone();
    });
    return { ...made!, value };
  }

  /** Keeps a value beyond the scope that it was made in, until `dispose`. */
  hold(value: tfjs.Tensor): tfjs.Tensor {
    this.kept.push(this.tf.keep(value));
    return value;
  }

  dispose(): void {
    for (const tensor of this.kept) tensor.dispose();
  }

  protected makeLeaf(kind: 'input' | 'parameter', name: string, shape: Shape, dtype: DType): EagerTensor {
    const tensor = { shape, dtype, value: this.options.leaf(name) };
    if (kind === 'input' && !this.inside) this.outer.push(tensor);
    return tensor;
  }

  protected makeConstant(values: Float32Array | Int32Array, shape: readonly number[], dtype: DType): EagerTensor {
    const value = this.tf.tensor(values, [...shape], dtype);
    // Kept, because the builder hands a scalar out again, inside segments and outside.
    const tensor = { shape, dtype, value: this.hold(value) };
    if (!this.inside) this.outer.push(tensor);
    return tensor;
  }

  protected perform(
    { name, attributes, weight }: Operation,
    operands: readonly EagerTensor[],
    shape: Shape,
    dtype: DType,
  ): EagerTensor {
    const { differentiable, matrix } = this.options;
    const values = operands.map(({ value }) => value);
    // A named dimension is whatever was fed.
    const sizes = shape.map((dimension) => (typeof dimension === 'string' ? -1 : dimension));
    const call = { attributes, shape: sizes, weight: weight && matrix(weight.name), differentiable };
    const value = kernels[name](this.tf, values, call);
    if (value.rank !== sizes.length || sizes.some((size, axis) => size !== -1 && size !== value.shape[axis])) {
      throw new Error(`${name} gave [${value.shape.join(', ')}] in TensorFlow, not [${shape.join(', ')}].`);
    }
    return this.made({ shape, dtype, value });
  }

  /** What is made outside segments is read again when they are recomputed. */
  private made(tensor: EagerTensor): EagerTensor {
    if (this.inside) return tensor;
    this.outer.push(tensor);
    if (this.options.segments.length > 0) this.hold(tensor.value);
    return tensor;
  }
}
