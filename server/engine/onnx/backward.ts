import type { Tensor } from '../../../models/ops.ts';
import { detached } from '../operations.ts';
import { CheapValues } from './cheapValues.ts';
import { gradientRules } from './gradients.ts';
import { type GraphBuilder, type GraphTensor, type Segment, type TapeEntry, tie } from './graph.ts';

/**
 * Reverse-mode differentiation by recording: appends to the graph the nodes that compute d loss / d parameter, one
 * gradient per parameter (zeros for a parameter the loss does not reach). `loss` is a scalar.
 */
export function backward(
  ops: GraphBuilder,
  loss: Tensor,
  options: { readonly recomputeCheap?: boolean } = {},
): Map<string, GraphTensor> {
  const gradients = new Gradients(ops, options.recomputeCheap ? new CheapValues(ops) : undefined);
  const tape = ops.tape;
  gradients.add(loss as GraphTensor, ops.constant(1));
  walk(ops, tape, gradients);
  ops.tape = tape;
  return new Map(
    [...ops.parameters].map(([name, parameter]) => [
      name,
      gradients.of(parameter) ?? ops.broadcastTo(ops.constant(0), parameter.shape as readonly number[]),
    ]),
  );
}

class Gradients {
  /** Every contribution to a parameter since the segment that reads this list began. */
  parameterContributions: GraphTensor[] = [];
  /** What computes cheap values again for the rules; absent: they are kept. */
  readonly again: CheapValues | undefined;
  private readonly sums = new Map<GraphTensor, GraphTensor>();
  private readonly ops: GraphBuilder;

  constructor(ops: GraphBuilder, again: CheapValues | undefined) {
    this.ops = ops;
    this.again = again;
  }

  of(tensor: GraphTensor): GraphTensor | undefined {
    return this.sums.get(tensor);
  }

  add(tensor: GraphTensor, gradient: GraphTensor): void {
    if (tensor.kind === 'parameter') {
      this.parameterContributions.push(gradient);
      this.again?.after(gradient);
    }
    const known = this.sums.get(tensor);
    this.sums.set(tensor, known === undefined ? gradient : this.ops.add(known, gradient));
  }
}

function walk(ops: GraphBuilder, tape: readonly TapeEntry[], gradients: Gradients): void {
  // What the rules record is not part of any tape: gradients of gradients are not needed.
  for (const entry of [...tape].reverse()) {
    const dy = gradients.of(entry.output);
    if (dy === undefined || !entry.output.tracked) continue;
    ops.tape = [];
    if ('fn' in entry) {
      walkSegment(ops, entry, dy, gradients);
      continue;
    }
    const rule = gradientRules[entry.op];
    if (rule === undefined) {
      const shapes = entry.inputs.map((input) => `[${input.shape.join(', ')}]`).join(', ');
      throw new Error(
        `${entry.op}(${shapes}) has no gradient rule${detached.has(entry.op) ? ': it is detached' : ''}.`,
      );
    }
    const node = gradients.again?.recomputed(entry, dy) ?? entry;
    rule(ops, node, dy).forEach((gradient, k) => {
      if (gradient !== null && entry.inputs[k].tracked) gradients.add(entry.inputs[k], gradient as GraphTensor);
    });
  }
}

/**
 * Recomputes the segment from its inputs and walks the second evaluation. Two ties order the runtime's schedule, which
 * would otherwise recompute everything first and keep it all alive: the recomputation waits for dy (its inputs are
 * x + 0·dy, which also keeps it from being merged with the first evaluation), and whatever is before the segment waits
 * for the gradients of the parameters inside.
 */
function walkSegment(ops: GraphBuilder, segment: Segment, dy: GraphTensor, gradients: Gradients): void {
  const outer = gradients.parameterContributions;
  gradients.parameterContributions = [];
  const fresh = segment.inputs.map((input) => (input.dtype === 'float32' ? tie(ops, input, [dy]) : input));
  ops.tape = [];
  const again = segment.fn(...fresh) as GraphTensor;
  const inner = ops.tape;
  ops.tape = [];
  gradients.add(again, dy);
  walk(ops, inner, gradients);
  const inside = gradients.parameterContributions;
  gradients.parameterContributions = [...outer, ...inside];
  segment.inputs.forEach((input, k) => {
    const gradient = fresh[k] === input ? undefined : gradients.of(fresh[k]);
    if (gradient !== undefined && input.tracked) gradients.add(input, tie(ops, gradient, inside));
  });
}
