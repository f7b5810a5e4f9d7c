import type { OpBuilder, Tensor } from '../../../models/ops.ts';
import { random } from '../../support/reference/random.ts';
import { casesOf, type GradientCase } from './case.ts';

const leafCases: GradientCase[] = [
  ...casesOf('input', {
    'a scalar, a matrix and int32': {
      build: (ops) =>
        ops.add(ops.mul(ops.input('x', [2, 3]), ops.input('s', [])), ops.toFloat(ops.input('i', [3], 'int32'))),
      feeds: { x: random([2, 3], 1), s: random([], 2), i: { shape: [3], data: [1, 2, 3] } },
    },
  }),
  ...casesOf('parameter', {
    'the output itself': { build: (ops) => ops.parameter('x', [2, 3]), feeds: { x: random([2, 3], 1) } },
    'asked for twice': {
      build: (ops) => ops.mul(ops.parameter('x', [3]), ops.exp(ops.parameter('x', [3]))),
      feeds: { x: random([3], 1) },
    },
    'read by nothing': {
      build: (ops) => {
        ops.parameter('idle', [2]);
        return ops.parameter('x', [3]);
      },
      feeds: { x: random([3], 1), idle: random([2], 2) },
    },
  }),
  ...casesOf('weight', {
    'asked for twice': {
      build: (ops) => {
        const x = ops.parameter('x', [2, 3]);
        return ops.add(ops.frozenLinear(x, ops.weight('w', [2, 3])), ops.frozenLinear(x, ops.weight('w', [2, 3])));
      },
      feeds: { x: random([2, 3], 1), w: random([2, 3], 2) },
    },
  }),
  ...casesOf('constant', {
    'a number': { build: (ops) => ops.mul(ops.parameter('x', [3]), ops.constant(1.7)), feeds: { x: random([3], 1) } },
    'a vector': {
      build: (ops) => ops.mul(ops.parameter('x', [2, 3]), ops.constant([1, -2, 0.3])),
      feeds: { x: random([2, 3], 1) },
    },
    'a matrix': {
      build: (ops) => ops.mul(ops.parameter('x', [3]), ops.constant([1, 2, 3, 4, 5, 6], [2, 3])),
      feeds: { x: random([3], 1) },
    },
    'a scalar that was given a shape': {
      build: (ops) => ops.mul(ops.parameter('x', [3]), ops.constant(2, [1, 1])),
      feeds: { x: random([3], 1) },
    },
    int32: {
      build: (ops) => ops.mul(ops.parameter('x', [3]), ops.toFloat(ops.constant([4, -5, 6], [3], 'int32'))),
      feeds: { x: random([3], 1) },
    },
  }),
];

const stopCases = casesOf('stopGradient', {
  'one of two factors': {
    build: (ops) => {
      const x = ops.parameter('x', [2, 3]);
      return ops.mul(x, ops.stopGradient(ops.exp(x)));
    },
    feeds: { x: random([2, 3], 1) },
  },
  'the whole way': {
    build: (ops) => ops.stopGradient(ops.square(ops.parameter('x', [3]))),
    feeds: { x: random([3], 1) },
  },
  'several, one inside another': {
    build: (ops) => {
      const [x, y] = [ops.parameter('x', [3]), ops.parameter('y', [3])];
      const inner = ops.mul(x, ops.stopGradient(y));
      return ops.add(ops.mul(inner, ops.stopGradient(ops.add(inner, ops.stopGradient(x)))), ops.mul(y, x));
    },
    feeds: { x: random([3], 1), y: random([3], 2) },
  },
  'a ratio to itself': {
    // The policy ratio of a first minibatch: its value is 1, its gradient is that of the logarithm.
    build: (ops) => {
      const logps = ops.parameter('logps', [4]);
      return ops.exp(ops.sub(logps, ops.stopGradient(logps)));
    },
    feeds: { logps: random([4], 1, -3, 0) },
  },
  'the straight-through estimate': {
    build: (ops) => {
      const x = ops.parameter('x', [4]);
      const step = ops.toFloat(ops.less(x, 0));
      return ops.square(ops.add(x, ops.stopGradient(ops.sub(step, x))));
    },
    feeds: { x: random([4], 1) },
  },
});

/** A block as a network has them: a parameter of its own, and one that it shares. */
function block(ops: OpBuilder, x: Tensor, name: string): Tensor {
  const hidden = ops.silu(ops.matMul(x, ops.parameter(name, [3, 3])));
  return ops.add(x, ops.mul(hidden, ops.parameter('shared', [3])));
}

const blockFeeds = {
  x: random([2, 3], 1),
  first: random([3, 3], 2),
  second: random([3, 3], 3),
  third: random([3, 3], 4),
  shared: random([3], 5),
  w: random([3, 3], 6),
};

const segmentCases = casesOf('segment', {
  'a parameter captured inside': {
    build: (ops) => ops.segment((x) => block(ops, x, 'first'), [ops.input('x', [2, 3])]),
    feeds: blockFeeds,
  },
  'a parameter as its input': {
    build: (ops) => ops.segment((x) => ops.square(x), [ops.parameter('x', [2, 3])]),
    feeds: blockFeeds,
  },
  'two in a row': {
    build: (ops) => {
      const first = ops.segment((x) => block(ops, x, 'first'), [ops.parameter('x', [2, 3])]);
      return ops.segment((x) => block(ops, x, 'second'), [first]);
    },
    feeds: blockFeeds,
  },
  'the same parameter inside and outside, before and after': {
    build: (ops) => {
      const before = ops.mul(ops.parameter('x', [2, 3]), ops.parameter('shared', [3]));
      const inside = ops.segment((x) => block(ops, x, 'first'), [before]);
      return ops.add(ops.mul(inside, ops.parameter('shared', [3])), ops.matMul(before, ops.parameter('first', [3, 3])));
    },
    feeds: blockFeeds,
  },
  'several inputs, one of them int32, one of them unused by the gradient': {
    build: (ops) =>
      ops.segment(
        (x, index, scale) => ops.mul(ops.gatherRows(ops.matMul(x, ops.parameter('first', [3, 3])), index), scale),
        [ops.parameter('x', [2, 3]), ops.constant([1, 1, 0], [3], 'int32'), ops.input('scale', [])],
      ),
    feeds: { ...blockFeeds, scale: random([], 7) },
  },
  'a computed tensor captured inside': {
    build: (ops) => {
      const outside = ops.exp(ops.parameter('shared', [3]));
      const inside = ops.segment((x) => ops.mul(ops.tanh(x), outside), [ops.parameter('x', [2, 3])]);
      return ops.mul(inside, outside);
    },
    feeds: blockFeeds,
  },
  'one inside another': {
    build: (ops) =>
      ops.segment(
        (x) => {
          const inner = ops.segment((y) => block(ops, y, 'second'), [block(ops, x, 'first')]);
          return ops.mul(block(ops, inner, 'third'), x);
        },
        [ops.parameter('x', [2, 3])],
      ),
    feeds: blockFeeds,
  },
  'frozen weights and a stopped gradient inside': {
    build: (ops) =>
      ops.segment(
        (x) => {
          const hidden = ops.tanh(ops.frozenLinear(x, ops.weight('w', [3, 3])));
          return ops.mul(ops.mul(hidden, ops.stopGradient(ops.exp(hidden))), ops.parameter('shared', [3]));
        },
        [ops.parameter('x', [2, 3])],
      ),
    feeds: blockFeeds,
  },
  'one whose output is read twice': {
    build: (ops) => {
      const inside = ops.segment((x) => block(ops, x, 'first'), [ops.parameter('x', [2, 3])]);
      return ops.mul(inside, ops.exp(inside));
    },
    feeds: blockFeeds,
  },
  'one input given twice': {
    build: (ops) => {
      const x = ops.tanh(ops.parameter('x', [2, 3]));
      return ops.segment((a, b) => ops.mul(a, ops.exp(b)), [x, x]);
    },
    feeds: blockFeeds,
  },
  'its input handed through': {
    build: (ops) => {
      const x = ops.parameter('x', [2, 3]);
      return ops.mul(
        ops.segment((inner) => inner, [x]),
        x,
      );
    },
    feeds: blockFeeds,
  },
  'no inputs': {
    build: (ops) => ops.segment(() => ops.square(ops.parameter('shared', [3])), []),
    feeds: blockFeeds,
  },
  'a parameter handed out': {
    build: (ops) =>
      ops.mul(
        ops.segment(() => ops.parameter('shared', [3]), []),
        ops.exp(ops.parameter('shared', [3])),
      ),
    feeds: blockFeeds,
  },
  'no parameter, no gradient': {
    build: (ops) => ops.segment((x) => ops.exp(x), [ops.input('x', [2, 3])]),
    feeds: blockFeeds,
  },
});

export const controlCases: readonly GradientCase[] = [...leafCases, ...stopCases, ...segmentCases];
