import { random } from '../../support/reference/random.ts';
import { casesOf, type GradientCase } from './case.ts';

type Reduction = 'sum' | 'mean' | 'max';

function reductionCases(operation: Reduction): GradientCase[] {
  return casesOf(operation, {
    'all of a matrix': { build: (ops) => ops[operation](ops.parameter('x', [2, 3])), feeds: { x: random([2, 3], 1) } },
    'all, axes kept': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 3]), { keepDims: true }),
      feeds: { x: random([2, 3], 1) },
    },
    'a scalar': { build: (ops) => ops[operation](ops.parameter('x', [])), feeds: { x: random([], 1) } },
    'a vector': { build: (ops) => ops[operation](ops.parameter('x', [5])), feeds: { x: random([5], 1) } },
    'the first axis': {
      build: (ops) => ops[operation](ops.parameter('x', [3, 4]), { axes: [0] }),
      feeds: { x: random([3, 4], 2) },
    },
    'the last axis of rank 4': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 1, 3, 4]), { axes: [3] }),
      feeds: { x: random([2, 1, 3, 4], 2) },
    },
    'the last axis, counted from the back, kept': {
      build: (ops) => ops[operation](ops.parameter('x', [3, 4]), { axes: [-1], keepDims: true }),
      feeds: { x: random([3, 4], 2) },
    },
    'outer axes out of order': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 3, 4]), { axes: [2, 0] }),
      feeds: { x: random([2, 3, 4], 3) },
    },
    'outer axes kept': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 3, 4]), { axes: [0, 2], keepDims: true }),
      feeds: { x: random([2, 3, 4], 3) },
    },
    'an axis of one entry': {
      build: (ops) => ops[operation](ops.parameter('x', [3, 1, 2]), { axes: [1] }),
      feeds: { x: random([3, 1, 2], 3) },
    },
    'no axes': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 3]), { axes: [] }),
      feeds: { x: random([2, 3], 4) },
    },
    'all entries negative': {
      build: (ops) => ops[operation](ops.parameter('x', [2, 3]), { axes: [1] }),
      feeds: { x: random([2, 3], 4, -3, -1) },
    },
  });
}

const softmaxCases = casesOf('softmax', {
  'a vector': { build: (ops) => ops.softmax(ops.parameter('x', [5])), feeds: { x: random([5], 5, -2, 2) } },
  'rank 4': {
    build: (ops) => ops.softmax(ops.parameter('x', [2, 1, 3, 4])),
    feeds: { x: random([2, 1, 3, 4], 5, -2, 2) },
  },
  'large logits': {
    build: (ops) => ops.softmax(ops.parameter('x', [2, 3])),
    feeds: { x: { shape: [2, 3], data: [200, 201, 199, -200, -200.5, -199] } },
  },
  'masked entries': {
    build: (ops) => ops.softmax(ops.where(ops.less(ops.input('mask', [3]), 1), -1e9, ops.parameter('x', [2, 3]))),
    feeds: { x: random([2, 3], 6), mask: { shape: [3], data: [1, 0, 1] } },
  },
});

const shapeCases: GradientCase[] = [
  ...casesOf('reshape', {
    'a matrix to rank 4': {
      build: (ops) => ops.square(ops.reshape(ops.parameter('x', [4, 3]), [2, 2, 1, 3])),
      feeds: { x: random([4, 3], 1) },
    },
    'to a scalar': { build: (ops) => ops.reshape(ops.parameter('x', [1, 1]), []), feeds: { x: random([1, 1], 1) } },
    'from a scalar': { build: (ops) => ops.reshape(ops.parameter('x', []), [1, 1, 1]), feeds: { x: random([], 1) } },
    'int32, no gradient': {
      build: (ops) => ops.reshape(ops.input('i', [2, 3], 'int32'), [3, 2]),
      feeds: { i: { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] } },
    },
  }),
  ...casesOf('transpose', {
    'a matrix': { build: (ops) => ops.transpose(ops.parameter('x', [2, 3]), [1, 0]), feeds: { x: random([2, 3], 2) } },
    'a cycle of three axes': {
      build: (ops) => ops.transpose(ops.parameter('x', [2, 3, 4]), [2, 0, 1]),
      feeds: { x: random([2, 3, 4], 2) },
    },
    'heads and time': {
      build: (ops) => ops.transpose(ops.parameter('x', [2, 3, 2, 4]), [0, 2, 1, 3]),
      feeds: { x: random([2, 3, 2, 4], 2) },
    },
    'a cycle of four axes': {
      build: (ops) => ops.transpose(ops.parameter('x', [2, 3, 1, 4]), [3, 0, 1, 2]),
      feeds: { x: random([2, 3, 1, 4], 2) },
    },
    'int32, no gradient': {
      build: (ops) => ops.transpose(ops.input('i', [2, 3], 'int32'), [1, 0]),
      feeds: { i: { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] } },
    },
  }),
  ...casesOf('broadcastTo', {
    'a scalar': { build: (ops) => ops.broadcastTo(ops.parameter('x', []), [2, 3]), feeds: { x: random([], 3) } },
    'new and stretched axes': {
      build: (ops) => ops.broadcastTo(ops.parameter('x', [3, 1]), [2, 2, 3, 4]),
      feeds: { x: random([3, 1], 3) },
    },
    'its own shape': {
      build: (ops) => ops.broadcastTo(ops.parameter('x', [2, 3]), [2, 3]),
      feeds: { x: random([2, 3], 3) },
    },
    'int32, no gradient': {
      build: (ops) => ops.broadcastTo(ops.input('i', [3], 'int32'), [2, 3]),
      feeds: { i: { shape: [3], data: [4, 5, 6] } },
    },
  }),
  ...casesOf('slice', {
    'the middle of the first axis': {
      build: (ops) => ops.slice(ops.parameter('x', [5, 2]), 0, 1, 3),
      feeds: { x: random([5, 2], 4) },
    },
    'from the front': { build: (ops) => ops.slice(ops.parameter('x', [5]), 0, 0, 2), feeds: { x: random([5], 4) } },
    'to the end': { build: (ops) => ops.slice(ops.parameter('x', [2, 5]), 1, 2), feeds: { x: random([2, 5], 4) } },
    'a negative end': {
      build: (ops) => ops.slice(ops.parameter('x', [2, 3, 4]), 1, 0, -1),
      feeds: { x: random([2, 3, 4], 4) },
    },
    'a negative start': {
      build: (ops) => ops.slice(ops.parameter('x', [2, 5]), 1, -2),
      feeds: { x: random([2, 5], 4) },
    },
    'a negative axis of rank 4': {
      build: (ops) => ops.slice(ops.parameter('x', [2, 1, 2, 4]), -1, 1, -1),
      feeds: { x: random([2, 1, 2, 4], 4) },
    },
    'all of it': { build: (ops) => ops.slice(ops.parameter('x', [3, 2]), 0, 0), feeds: { x: random([3, 2], 4) } },
    'two overlapping slices': {
      build: (ops) => {
        const x = ops.parameter('x', [5]);
        return ops.mul(ops.slice(x, 0, 1), ops.slice(x, 0, 0, -1));
      },
      feeds: { x: random([5], 4) },
    },
    'int32, no gradient': {
      build: (ops) => ops.slice(ops.input('i', [4], 'int32'), 0, 1, 3),
      feeds: { i: { shape: [4], data: [4, 5, 6, 7] } },
    },
  }),
  ...casesOf('concat', {
    'the first axis': {
      build: (ops) => ops.concat([ops.parameter('a', [1, 3]), ops.parameter('b', [2, 3])], 0),
      feeds: { a: random([1, 3], 5), b: random([2, 3], 6) },
    },
    'three parts, the last axis, an input between': {
      build: (ops) => ops.concat([ops.parameter('a', [2, 1]), ops.input('b', [2, 2]), ops.parameter('c', [2, 3])], 1),
      feeds: { a: random([2, 1], 5), b: random([2, 2], 6), c: random([2, 3], 7) },
    },
    'a negative axis of rank 4': {
      build: (ops) => ops.concat([ops.parameter('a', [2, 1, 3, 2]), ops.parameter('b', [2, 1, 1, 2])], -2),
      feeds: { a: random([2, 1, 3, 2], 5), b: random([2, 1, 1, 2], 6) },
    },
    'one tensor twice': {
      build: (ops) => {
        const x = ops.parameter('x', [2, 2]);
        return ops.concat([x, ops.square(x), x], 1);
      },
      feeds: { x: random([2, 2], 5) },
    },
    'one part': { build: (ops) => ops.concat([ops.parameter('x', [2, 2])], 1), feeds: { x: random([2, 2], 5) } },
    'int32, no gradient': {
      build: (ops) => ops.concat([ops.input('i', [2], 'int32'), ops.input('j', [1], 'int32')], 0),
      feeds: { i: { shape: [2], data: [4, 5] }, j: { shape: [1], data: [6] } },
    },
  }),
  ...casesOf('gatherRows', {
    'repeated and missing rows': {
      build: (ops) => ops.gatherRows(ops.parameter('x', [4, 3]), ops.input('index', [5], 'int32')),
      feeds: { x: random([4, 3], 8), index: { shape: [5], data: [2, 0, 2, 3, 2] } },
    },
    'a constant index': {
      build: (ops) => ops.square(ops.gatherRows(ops.parameter('x', [4, 3]), ops.constant([3, 1], [2], 'int32'))),
      feeds: { x: random([4, 3], 8) },
    },
    'int32 rows, no gradient': {
      build: (ops) => ops.gatherRows(ops.input('x', [2, 2], 'int32'), ops.input('index', [3], 'int32')),
      feeds: { x: { shape: [2, 2], data: [1, 2, 3, 4] }, index: { shape: [3], data: [1, 1, 0] } },
    },
  }),
  ...casesOf('scatterAddRows', {
    'repeated and missing rows': {
      build: (ops) => ops.square(ops.scatterAddRows(ops.parameter('x', [5, 3]), ops.input('index', [5], 'int32'), 4)),
      feeds: { x: random([5, 3], 8), index: { shape: [5], data: [2, 0, 2, 3, 2] } },
    },
    'one row': {
      build: (ops) => ops.scatterAddRows(ops.parameter('x', [1, 2]), ops.input('index', [1], 'int32'), 3),
      feeds: { x: random([1, 2], 8), index: { shape: [1], data: [2] } },
    },
    'gathered again': {
      build: (ops) => {
        const index = ops.input('index', [4], 'int32');
        return ops.gatherRows(ops.square(ops.scatterAddRows(ops.parameter('x', [4, 2]), index, 3)), index);
      },
      feeds: { x: random([4, 2], 8), index: { shape: [4], data: [1, 0, 1, 1] } },
    },
  }),
];

export const structureCases: readonly GradientCase[] = [
  ...(['sum', 'mean', 'max'] as const).flatMap(reductionCases),
  ...softmaxCases,
  ...shapeCases,
];
