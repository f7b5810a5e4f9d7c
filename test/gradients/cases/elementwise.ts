import type { OpBuilder, Tensor } from '../../../models/ops.ts';
import type { Build, Feeds } from '../../support/checkGradient.ts';
import { random } from '../../support/reference/random.ts';
import type { Feed } from '../../support/reference/values.ts';
import { casesOf, type GradientCase } from './case.ts';

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum';
type Unary = 'neg' | 'exp' | 'log' | 'sqrt' | 'square' | 'sigmoid' | 'tanh' | 'softplus' | 'silu' | 'gelu';

const broadcasts: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
  'equal shapes': [
    [2, 3],
    [2, 3],
  ],
  scalars: [[], []],
  'a scalar and a matrix': [[], [3, 2]],
  'a vector under a rank-3 tensor': [[2, 2, 3], [3]],
  'both sides stretched': [
    [3, 1],
    [1, 4],
  ],
  'rank 4, inner and outer axes': [
    [2, 1, 3, 1],
    [1, 2, 1, 2],
  ],
  'a one-entry axis of the larger rank': [
    [1, 3],
    [2, 2, 3],
  ],
};

/** Two parameters of every pairing of shapes; those of b lie between 0.5 and 2, so that a division is tame. */
function broadcastCases(operation: Binary): GradientCase[] {
  return Object.entries(broadcasts).flatMap(([name, [left, right]]) =>
    casesOf(operation, {
      [name]: {
        build: (ops) => ops[operation](ops.parameter('a', left), ops.parameter('b', right)),
        feeds: { a: random(left, 1, -2, 2), b: random(right, 2, 0.5, 2) },
      },
    }),
  );
}

const twice: Binary[] = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'];
const a = (ops: OpBuilder) => ops.parameter('a', [2, 3]);
const feedA: Feeds = { a: random([2, 3], 3, -2, 2) };
const positive: Feeds = { a: random([2, 3], 4, 0.5, 2) };

function numberCases(operation: Binary): GradientCase[] {
  return casesOf(operation, {
    'a number on the right': { build: (ops) => ops[operation](a(ops), 0.7), feeds: feedA },
    'the gradient of a alone': {
      build: (ops) => ops[operation](a(ops), ops.input('b', [3])),
      feeds: { ...feedA, b: random([3], 5, 0.5, 2) },
    },
    'the gradient of b alone': {
      build: (ops) => ops[operation](ops.input('b', [3]), a(ops)),
      feeds: { ...positive, b: random([3], 5, 0.5, 2) },
    },
  });
}

const special: GradientCase[] = [
  ...casesOf('add', {
    'a tensor and itself': { build: (ops) => ops.add(a(ops), a(ops)), feeds: feedA },
    'int32, no gradient': {
      build: (ops) => ops.add(ops.input('i', [3], 'int32'), ops.input('j', [2, 3], 'int32')),
      feeds: { i: { shape: [3], data: [1, -2, 3] }, j: { shape: [2, 3], data: [0, 5, 7, -1, 2, 9] } },
    },
  }),
  ...casesOf('sub', {
    'a number on the left': { build: (ops) => ops.sub(1, a(ops)), feeds: feedA },
    'a tensor less its own mean': { build: (ops) => ops.sub(a(ops), ops.mean(a(ops))), feeds: feedA },
  }),
  ...casesOf('mul', { 'a tensor and itself': { build: (ops) => ops.mul(a(ops), a(ops)), feeds: feedA } }),
  ...casesOf('div', {
    'a number on the left': { build: (ops) => ops.div(2, a(ops)), feeds: positive },
    'a negative divisor': {
      build: (ops) => ops.div(a(ops), ops.parameter('b', [2, 3])),
      feeds: { ...feedA, b: random([2, 3], 6, -2, -0.5) },
    },
  }),
];

const domains: Readonly<Record<Unary, readonly Feed[]>> = {
  neg: [random([2, 3], 7)],
  exp: [random([2, 3], 7, -3, 3)],
  log: [random([2, 3], 7, 0.1, 3)],
  sqrt: [random([2, 3], 7, 0.1, 3)],
  square: [random([2, 3], 7, -3, 3)],
  // Beside a steep entry: far out, 1 − σ has few digits left in float32.
  sigmoid: [random([2, 3], 7, -3, 3), { shape: [5], data: [-30, -8, 0.5, 8, 30] }],
  tanh: [random([2, 3], 7, -2, 2)],
  // Where e^x would overflow float32, and where 1 + e^x would round to 1.
  softplus: [random([2, 3], 7, -3, 3), { shape: [6], data: [-110, -40, -20, 20, 40, 110] }],
  silu: [random([2, 3], 7, -3, 3), { shape: [4], data: [-30, -8, 8, 30] }],
  gelu: [random([2, 3], 7, -3, 3), { shape: [5], data: [-30, -3, 0, 3, 30] }],
};

function unaryCases(operation: Unary): GradientCase[] {
  const apply =
    ({ shape }: Feed): Build =>
    (ops) =>
      ops[operation](ops.parameter('x', shape));
  const scalar = random([], 8, 0.5, 2);
  const rank4 = random([2, 1, 2, 3], 9, 0.5, 2);
  return casesOf(operation, {
    ...Object.fromEntries(
      domains[operation].map((x, k) => [k === 0 ? 'a matrix' : 'far from zero', { build: apply(x), feeds: { x } }]),
    ),
    'a scalar': { build: apply(scalar), feeds: { x: scalar } },
    'rank 4': { build: apply(rank4), feeds: { x: rank4 } },
  });
}

const unary = Object.keys(domains) as Unary[];

/** 0, 1 and 2 at once: the comparisons are tried below, at and above. */
const small: Feed = { shape: [2, 3], data: [0, 1, 2, 2, 1, 0] };
const other: Feed = { shape: [3], data: [1, 1, 2] };

function comparisonCases(operation: 'less' | 'greaterEqual' | 'equal'): GradientCase[] {
  const compare = (left: Tensor, right: Tensor | number) => (ops: OpBuilder) => ops[operation](left, right);
  return casesOf(operation, {
    'broadcast, ties among them': {
      build: (ops) => compare(ops.input('x', [2, 3]), ops.input('y', [3]))(ops),
      feeds: { x: small, y: other },
    },
    'a number': { build: (ops) => compare(ops.input('x', [2, 3]), 1)(ops), feeds: { x: small } },
    int32: {
      build: (ops) => compare(ops.input('x', [2, 3], 'int32'), ops.input('y', [3], 'int32'))(ops),
      feeds: { x: small, y: other },
    },
    'int32 and a number': { build: (ops) => compare(ops.input('x', [2, 3], 'int32'), 1)(ops), feeds: { x: small } },
    'operands are detached': {
      build: (ops) => {
        const [x, y] = [ops.parameter('x', [2, 3]), ops.parameter('y', [3])];
        return ops.mul(ops.toFloat(ops[operation](x, y)), x);
      },
      feeds: { x: random([2, 3], 10), y: random([3], 11) },
    },
  });
}

const logic: GradientCase[] = [
  ...casesOf('and', {
    'every combination, broadcast': {
      build: (ops) => ops.and(ops.less(ops.input('x', [2, 1]), 0), ops.less(ops.input('y', [2]), 0)),
      feeds: { x: { shape: [2, 1], data: [-1, 1] }, y: { shape: [2], data: [1, -1] } },
    },
  }),
  ...casesOf('and', {
    'of parameters, which get no gradient through it': {
      build: (ops) => {
        const [p, q] = [ops.parameter('p', [2, 3]), ops.parameter('q', [3])];
        return ops.mul(p, ops.toFloat(ops.and(ops.less(p, 1), ops.less(q, 1))));
      },
      feeds: { p: small, q: { shape: [3], data: [0.5, 2, -3] } },
    },
  }),
  ...casesOf('toFloat', {
    'of int32': {
      build: (ops) => ops.toFloat(ops.input('i', [4], 'int32')),
      feeds: { i: { shape: [4], data: [-2, 0, 1, 70000] } },
    },
    'of bool': {
      build: (ops) => ops.toFloat(ops.less(ops.input('x', [2, 3]), 1)),
      feeds: { x: small },
    },
  }),
  ...casesOf('where', {
    'both sides trained, all three broadcast': {
      build: (ops) =>
        ops.where(ops.less(ops.input('c', [2, 1]), 0), ops.parameter('a', [2, 3]), ops.parameter('b', [2, 1, 1])),
      feeds: { c: { shape: [2, 1], data: [-1, 1] }, a: random([2, 3], 12), b: random([2, 1, 1], 13) },
    },
    'a number for a': {
      build: (ops) => ops.where(ops.less(ops.input('c', [3]), 0), -5, ops.parameter('b', [2, 3])),
      feeds: { c: { shape: [3], data: [-1, 1, 0] }, b: random([2, 3], 13) },
    },
    'a number for b': {
      build: (ops) => ops.where(ops.less(ops.input('c', [3]), 0), ops.parameter('a', [2, 3]), 2),
      feeds: { c: { shape: [3], data: [-1, 1, 0] }, a: random([2, 3], 12) },
    },
    'two numbers': {
      build: (ops) => ops.where(ops.less(ops.input('c', [3]), 0), 1, -1),
      feeds: { c: { shape: [3], data: [-1, 1, 0] } },
    },
    'a condition larger than both sides': {
      build: (ops) => ops.where(ops.less(ops.input('c', [2, 3]), 0), ops.parameter('a', []), ops.parameter('b', [3])),
      feeds: { c: random([2, 3], 14), a: random([], 15), b: random([3], 16) },
    },
    'the condition depends on a parameter': {
      build: (ops) => {
        const x = ops.parameter('x', [6]);
        return ops.where(ops.less(x, 0), ops.square(x), ops.mul(x, 3));
      },
      feeds: { x: random([6], 17) },
    },
  }),
];

export const elementwiseCases: readonly GradientCase[] = [
  ...twice.flatMap(broadcastCases),
  ...twice.flatMap(numberCases),
  ...special,
  ...unary.flatMap(unaryCases),
  ...(['less', 'greaterEqual', 'equal'] as const).flatMap(comparisonCases),
  ...logic,
];
