import type { OpBuilder, Shape, Tensor } from '../../../models/ops.ts';
import { type CompileOptions, gradientOrder, type Runtime, requireLoss, type Session, type Slot } from '../runtime.ts';
import { type Int8Use, int8Names } from '../weights/int8.ts';
import { backward } from './backward.ts';
import { checkGraph } from './check.ts';
import { Emitter, valueInfo } from './emitter.ts';
import { GraphBuilder, type GraphNode, type GraphTensor } from './graph.ts';
import { quantiseRows } from './int8.ts';
import { lowerings } from './lower.ts';
import { packInto } from './packing.ts';
import { encodeModel, opset } from './proto.ts';
import { openSession } from './sessions.ts';

/** A graph ready to be opened: its bytes, and what it expects and gives. */
export interface CompiledGraph {
  readonly bytes: Uint8Array;
  readonly inputs: ReadonlyMap<string, Slot>;
  readonly outputs: ReadonlyMap<string, Slot>;
  /** Values of constants that are not in `bytes`, by the name under which they are handed over. */
  readonly external: Readonly<Record<string, Uint8Array>>;
}

/** Records `build`, differentiates it where asked, checks it, and writes it as an ONNX model. */
export function compileGraph(
  build: (ops: OpBuilder) => Record<string, Tensor>,
  options: CompileOptions = {},
  { fuses = false } = {},
): CompiledGraph {
  const builder = new GraphBuilder();
  const outputs = build(builder) as Record<string, GraphTensor>;
  if (options.gradients !== undefined) Object.assign(outputs, gradientOutputs(builder, outputs, options));
  const needed = reachable(builder, Object.values(outputs));
  checkGraph(builder, needed, outputs);
  return serialise(builder, needed, outputs, { ...options, fuses });
}

/** Compiles and opens a session on the CPU. */
export async function compile(
  build: (ops: OpBuilder) => Record<string, Tensor>,
  options: CompileOptions = {},
): Promise<Session> {
  return openSession(compileGraph(build, options, { fuses: true }));
}

/** onnxruntime on the CPU: the engine of every rollout, and of training unless another is asked for. */
export const onnx: Runtime = {
  name: 'onnx',
  device: 'cpu',
  alwaysRecomputes: false,
  compile,
  weightBytes: () => 0,
  async release() {},
};

function gradientOutputs(
  builder: GraphBuilder,
  outputs: Readonly<Record<string, GraphTensor>>,
  options: CompileOptions,
): Record<string, GraphTensor> {
  const gradients = backward(builder, requireLoss(outputs), options);
  if (options.gradients === 'each') {
    return Object.fromEntries([...gradients].map(([name, gradient]) => [`gradient/${name}`, gradient]));
  }
  const flat = gradientOrder([...gradients.keys()], options).map((name) => {
    const gradient = gradients.get(name)!;
    return builder.reshape(gradient, [entries(gradient.shape)]);
  });
  const total = flat.reduce((sum, part) => sum + (part.shape[0] as number), 0);
  return { gradients: builder.add(builder.input('accumulated', [total]), builder.concat(flat, 0)) };
}

/** The nodes that the outputs depend on, in order. */
function reachable(builder: GraphBuilder, outputs: readonly GraphTensor[]): GraphNode[] {
  const wanted = new Set(outputs);
  const kept: GraphNode[] = [];
  for (const node of [...builder.nodes].reverse()) {
    if (!wanted.has(node.output)) continue;
    kept.push(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return kept.reverse();
}

function serialise(
  builder: GraphBuilder,
  nodes: readonly GraphNode[],
  outputs: Readonly<Record<string, GraphTensor>>,
  { precision, packed, fuses }: CompileOptions & { readonly fuses: boolean },
): CompiledGraph {
  const emitter = new Emitter();
  const asBytes = precision === 'int8-base';
  const producers = new Map(nodes.map((node) => [node.output, node]));
  const keyOf = (op: string, { inputs, weight }: GraphNode) =>
    `${op} ${inputs.map(({ id }) => id).join()} ${weight?.name}`;
  const byKey = new Map(nodes.map((node) => [keyOf(node.op, node), node]));
  const readers = new Map<GraphTensor, number>();
  for (const tensor of [...nodes.flatMap(({ inputs }) => inputs), ...Object.values(outputs)]) {
    readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  }
  const context = {
    fuses,
    isReadOnce: (tensor: GraphTensor) => readers.get(tensor) === 1,
    producer: (tensor: GraphTensor) => producers.get(tensor),
    companion: (node: GraphNode, op: string) => byKey.get(keyOf(op, node)),
    ...(asBytes && { bytesOf: remember((tensor: GraphTensor) => quantiseRows(emitter, tensor)) }),
  };
  for (const node of nodes) {
    if (emitter.isBound(node.output)) continue;
    emitter.bind(node.output, lowerings[node.op](emitter, node, context));
  }
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...Object.values(outputs)]);
  const inputs = new Map<string, Slot>();
  for (const [name, tensor] of [...builder.inputs, ...builder.parameters]) {
    if (used.has(tensor)) inputs.set(name, { shape: tensor.shape, dtype: tensor.dtype });
  }
  for (const [name, slot] of weightInputs(nodes, asBytes)) inputs.set(name, slot);
  const external = packed === undefined ? {} : packInto(emitter, inputs, packed);
  const results = Object.entries(outputs).map(([name, tensor]) => {
    emitter.node.push({ opType: 'Identity', domain: '', input: [emitter.name(tensor)], output: [name], attribute: [] });
    return valueInfo(name, tensor.shape, tensor.dtype);
  });
  const graph = emitter.graph(
    [...inputs].map(([name, { shape, dtype }]) => valueInfo(name, shape, dtype)),
    results,
  );
  return {
    bytes: encodeModel(graph, opset),
    inputs,
    outputs: new Map(Object.entries(outputs).map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    external,
  };
}

/** The frozen matrices that the nodes read; a product of bytes has an input for its bytes and one for their scales. */
function weightInputs(nodes: readonly GraphNode[], asBytes: boolean): Map<string, Slot> {
  const inputs = new Map<string, Slot>();
  for (const { op, weight } of nodes) {
    if (weight === undefined) continue;
    const use = asBytes ? int8Uses[op] : undefined;
    if (use === undefined) {
      inputs.set(weight.name, { shape: weight.shape, dtype: 'float32' });
      continue;
    }
    const [out, inner] = weight.shape;
    const names = int8Names(weight.name, use);
    inputs.set(names.values, { shape: use === 'forward' ? [inner, out] : [out, inner], dtype: 'int8' });
    inputs.set(names.scales, { shape: [use === 'forward' ? out : inner], dtype: 'float32' });
  }
  return inputs;
}

const int8Uses: Readonly<Record<string, Int8Use>> = { frozenLinear: 'forward', frozenLinearAdjoint: 'adjoint' };

function remember<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.set(key, value);
    return value;
  };
}

function entries(shape: Shape): number {
  return (shape as readonly number[]).reduce((product, dimension) => product * dimension, 1);
}
