import type { DType, Shape, Tensor } from '../../../models/ops.ts';
import { CheckedBuilder } from '../builder.ts';
import type { Operation } from '../operations.ts';
import type { Build } from '../runtime.ts';

/** What a segment reads besides its inputs. */
export interface Captured {
  readonly parameters: readonly string[];
  /** Tensors made outside any segment, by their place among those. */
  readonly outer: readonly number[];
}

/** What a graph reads and gives, and what its segments read, in the order of the calls. */
export interface Outline {
  /** Inputs and parameters. */
  readonly leaves: ReadonlyMap<string, Tensor>;
  /** Frozen weights. */
  readonly matrices: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly parameters: readonly string[];
  readonly segments: readonly Captured[];
}

/** Goes through a definition with shapes alone. */
export function outlineOf(build: Build): Outline {
  const builder = new OutlineBuilder();
  const outputs = Object.entries(build(builder));
  const matrices = [...builder.weights].map(([name, { shape }]) => [name, { shape, dtype: 'float32' }] as const);
  return {
    leaves: new Map<string, Tensor>([...builder.inputs, ...builder.parameters]),
    matrices: new Map<string, Tensor>(matrices),
    outputs: new Map(outputs.map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    parameters: [...builder.parameters.keys()],
    segments: builder.segments.map(({ parameters, outer }) => ({ parameters: [...parameters], outer: [...outer] })),
  };
}

class OutlineBuilder extends CheckedBuilder<Tensor> {
  readonly segments: { readonly parameters: Set<string>; readonly outer: Set<number> }[] = [];
  private readonly names = new Map<Tensor, string>();
  private readonly places = new Map<Tensor, number>();
  private inside = false;

  /** One inside another is a part of it. */
  segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
    if (this.inside) return fn(...inputs);
    this.inside = true;
    this.segments.push({ parameters: new Set(), outer: new Set() });
    const result = fn(...inputs.map((input) => ({ ...input })));
    this.reads(result);
    this.inside = false;
    const { shape, dtype } = result;
    return this.made({ shape, dtype });
  }

  protected makeLeaf(kind: 'input' | 'parameter', name: string, shape: Shape, dtype: DType): Tensor {
    if (kind === 'input') return this.made({ shape, dtype });
    const tensor = { shape, dtype };
    this.names.set(tensor, name);
    return tensor;
  }

  protected makeConstant(_values: Float32Array | Int32Array, shape: readonly number[], dtype: DType): Tensor {
    return this.made({ shape, dtype });
  }

  protected perform(_operation: Operation, operands: readonly Tensor[], shape: Shape, dtype: DType): Tensor {
    if (this.inside) for (const operand of operands) this.reads(operand);
    return this.made({ shape, dtype });
  }

  private reads(tensor: Tensor): void {
    const { parameters, outer } = this.segments.at(-1)!;
    const [name, place] = [this.names.get(tensor), this.places.get(tensor)];
    if (name !== undefined) parameters.add(name);
    if (place !== undefined && tensor.dtype === 'float32') outer.add(place);
  }

  private made(tensor: Tensor): Tensor {
    if (!this.inside) this.places.set(tensor, this.places.size);
    return tensor;
  }
}
