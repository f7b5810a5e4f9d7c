import { sameShape } from '../shapes.ts';
import type { GraphBuilder, GraphNode, GraphTensor } from './graph.ts';
import { lowerings } from './lower.ts';

/**
 * Holds the graph to its rules before it is written: every operation can be lowered, operands exist before they are
 * used, gradients have the shape of their parameters, and no name stands for two things.
 */
export function checkGraph(
  builder: GraphBuilder,
  nodes: readonly GraphNode[],
  outputs: Readonly<Record<string, GraphTensor>>,
): void {
  const known = new Set<GraphTensor>([
    ...builder.inputs.values(),
    ...builder.parameters.values(),
    ...builder.constants,
  ]);
  for (const node of nodes) {
    const shapes = node.inputs.map((input) => `[${input.shape.join(', ')}]`).join(', ');
    const label = `${node.op}(${shapes}) → [${node.output.shape.join(', ')}]`;
    if (lowerings[node.op] === undefined) throw new Error(`${label}: no lowering is known for this operation.`);
    for (const input of node.inputs) {
      if (!known.has(input))
        throw new Error(`${label}: operand ${input.id} is not computed before it, or comes from another graph.`);
    }
    known.add(node.output);
  }
  for (const [name, tensor] of Object.entries(outputs)) {
    if (!known.has(tensor)) throw new Error(`Output ${name} was not computed by this graph.`);
    const parameter = name.startsWith('gradient/') ? builder.parameters.get(name.slice('gradient/'.length)) : undefined;
    if (parameter !== undefined && !sameShape(parameter.shape, tensor.shape)) {
      throw new Error(`${name} is [${tensor.shape.join(', ')}], its parameter [${parameter.shape.join(', ')}].`);
    }
  }
  const names = [
    ...builder.inputs.keys(),
    ...builder.parameters.keys(),
    ...builder.weights.keys(),
    ...Object.keys(outputs),
  ];
  const seen = new Set<string>();
  for (const name of names) {
    if (name.startsWith('%'))
      throw new Error(`The name ${name} is reserved: names with a leading % are the graph's own.`);
    if (seen.has(name)) throw new Error(`The name ${name} stands for two things.`);
    seen.add(name);
  }
}
