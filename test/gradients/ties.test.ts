import assert from 'node:assert/strict';
import { type Build, engines, type Feeds, gradientsOf } from '../support/checkGradient.ts';

// At a tie a central difference measures neither side, so what models/ops.ts promises is written out here.
const a = { shape: [4], data: [1, 2, 3, -5] };
const b = { shape: [4], data: [1, 3, 2, -5] };

interface Tie {
  readonly name: string;
  readonly build: Build;
  readonly feeds: Feeds;
  readonly expected: Readonly<Record<string, readonly number[]>>;
}

const ties: readonly Tie[] = [
  {
    name: 'maximum: the gradient goes to a alone',
    build: (ops) => ops.maximum(ops.parameter('a', [4]), ops.parameter('b', [4])),
    feeds: { a, b },
    expected: { a: [1, 0, 1, 1], b: [0, 1, 0, 0] },
  },
  {
    name: 'minimum: the gradient goes to a alone',
    build: (ops) => ops.minimum(ops.parameter('a', [4]), ops.parameter('b', [4])),
    feeds: { a, b },
    expected: { a: [1, 1, 0, 1], b: [0, 0, 1, 0] },
  },
  {
    name: 'maximum with a number: a tie still passes',
    build: (ops) => ops.maximum(ops.parameter('a', [4]), 2),
    feeds: { a },
    expected: { a: [0, 1, 1, 0] },
  },
  {
    name: 'minimum with a number: a tie still passes',
    build: (ops) => ops.minimum(ops.parameter('a', [4]), 2),
    feeds: { a },
    expected: { a: [1, 1, 0, 1] },
  },
  {
    name: 'maximum of a tensor and itself',
    build: (ops) => ops.maximum(ops.parameter('a', [4]), ops.parameter('a', [4])),
    feeds: { a },
    expected: { a: [1, 1, 1, 1] },
  },
  {
    name: 'maximum, a tie in every entry of a broadcast',
    build: (ops) => ops.maximum(ops.parameter('s', []), ops.parameter('a', [4])),
    feeds: { s: { shape: [], data: [2] }, a: { shape: [4], data: [2, 2, 1, 3] } },
    expected: { s: [3], a: [0, 0, 0, 1] },
  },
  {
    name: 'max: each tied entry receives the whole gradient',
    build: (ops) => ops.mul(ops.max(ops.parameter('x', [2, 3]), { axes: [1] }), ops.constant([1, 10])),
    feeds: { x: { shape: [2, 3], data: [4, 4, 1, 0, -2, 0] } },
    expected: { x: [1, 1, 0, 10, 0, 10] },
  },
  {
    name: 'max over everything',
    build: (ops) => ops.max(ops.parameter('x', [2, 2])),
    feeds: { x: { shape: [2, 2], data: [7, 7, 7, 6] } },
    expected: { x: [1, 1, 1, 0] },
  },
  {
    name: 'the absolute value as maximum(x, −x): its slope at 0 is that of x',
    build: (ops) => {
      const x = ops.parameter('x', [3]);
      return ops.maximum(x, ops.neg(x));
    },
    feeds: { x: { shape: [3], data: [-2, 0, 3] } },
    expected: { x: [-1, 1, 1] },
  },
];

describe('ties', () => {
  for (const [engine, implementation] of Object.entries(engines)) {
    for (const { name, build, feeds, expected } of ties) {
      it(`${engine}: ${name}`, async () => {
        const outputs = await gradientsOf(implementation, build, feeds);
        for (const [parameter, gradient] of Object.entries(expected)) {
          assert.deepEqual(
            Array.from(outputs[`gradient/${parameter}`].data, (entry) => entry + 0),
            gradient,
            parameter,
          );
        }
      });
    }
  }
});
