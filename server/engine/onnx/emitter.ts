import type { Shape } from '../../../models/ops.ts';
import type { Slot } from '../runtime.ts';
import type { GraphTensor } from './graph.ts';
import {
  type ElementType,
  elementTypes,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './proto.ts';

export type EmittedAttribute = number | string | readonly number[] | { readonly float: number };

/** Collects ONNX nodes and constants under unique names. */
export class Emitter {
  readonly node: OnnxNode[] = [];
  private readonly initializers = new Map<string, OnnxTensor>();
  private readonly names = new Map<GraphTensor, string>();
  private count = 0;

  /** The name under which a tensor is known; constants are written out when they are first used. */
  name(tensor: GraphTensor): string {
    const known = this.names.get(tensor);
    if (known !== undefined) return known;
    if (tensor.kind === 'computed') throw new Error(`Tensor ${tensor.id} is used before it is computed.`);
    const name =
      tensor.kind === 'constant' ? this.values(tensor.values!, tensor.shape as readonly number[]) : tensor.name!;
    this.names.set(tensor, name);
    return name;
  }

  /** Declares that `tensor` is what was emitted under `name`. */
  bind(tensor: GraphTensor, name: string): void {
    this.names.set(tensor, name);
  }

  isBound(tensor: GraphTensor): boolean {
    return this.names.has(tensor);
  }

  fresh(): string {
    // No caller names anything with a leading '%', so nothing here shadows an input or an output.
    return `%t${this.count++}`;
  }

  /** Emits one node with one output and returns that output's name. */
  emit(
    opType: string,
    input: string[],
    attributes: Readonly<Record<string, EmittedAttribute>> = {},
    domain = '',
  ): string {
    const output = this.fresh();
    const attribute = Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value));
    this.node.push({ opType, domain, input, output: [output], attribute });
    return output;
  }

  scalar(value: number): string {
    return this.values(Float32Array.of(value), []);
  }

  /** A scalar of type uint8. */
  byte(value: number): string {
    return this.initializer('uint8', Uint8Array.of(value), []);
  }

  int64(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.initializer('int64', new Uint8Array(BigInt64Array.from(values, BigInt).buffer), shape);
  }

  values(values: Float32Array | Int32Array, shape: readonly number[]): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.initializer(values instanceof Int32Array ? 'int32' : 'float32', bytes, shape);
  }

  /** A constant whose values are handed over beside the model, under `name`, when a session is opened. */
  external(name: string, type: ElementType, dims: readonly number[]): string {
    const constant = `%${name}`;
    const externalData = [{ key: 'location', value: name }];
    this.initializers.set(constant, {
      name: constant,
      dims,
      dataType: elementTypes[type],
      externalData,
      dataLocation: 1,
    });
    return constant;
  }

  graph(input: OnnxValue[], output: OnnxValue[]): OnnxGraph {
    const node = this.neededFor(output);
    return { name: 'palate', node, initializer: [...this.initializers.values()], input, output };
  }

  /** A node that a lowering went around (a transpose read in place) would still run, last, and keep its operand alive. */
  private neededFor(output: readonly OnnxValue[]): OnnxNode[] {
    const wanted = new Set(output.map(({ name }) => name));
    const kept: OnnxNode[] = [];
    for (const node of [...this.node].reverse()) {
      if (!node.output.some((name) => wanted.has(name))) continue;
      kept.push(node);
      for (const name of node.input) wanted.add(name);
    }
    return kept.reverse();
  }

  private initializer(type: ElementType, rawData: Uint8Array, dims: readonly number[]): string {
    // Constants repeat by the thousand (axes, scalars, places of tokens): each distinct one is written once.
    const small = rawData.length <= 2 ** 16;
    const key = small
      ? `${type}[${dims.join()}]${Buffer.from(rawData).toString('hex')}`
      : `large${this.initializers.size}`;
    const known = this.initializers.get(key);
    if (known !== undefined) return known.name;
    const name = `%c${this.initializers.size}`;
    this.initializers.set(key, { name, dims, dataType: elementTypes[type], rawData: Uint8Array.from(rawData) });
    return name;
  }
}

function encodeAttribute(name: string, value: EmittedAttribute): OnnxAttribute {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: Buffer.from(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  return { name, type: 1, f: (value as { float: number }).float };
}

export function valueInfo(name: string, shape: Shape, dtype: Slot['dtype']): OnnxValue {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } };
}
