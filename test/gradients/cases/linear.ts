import type { FrozenWeight, OpBuilder, Tensor } from '../../../models/ops.ts';
import type { Feeds } from '../../support/checkGradient.ts';
import { random, randomIndices } from '../../support/reference/random.ts';
import { casesOf, type GradientCase } from './case.ts';

const matMulCases = casesOf('matMul', {
  matrices: {
    build: (ops) => ops.matMul(ops.parameter('a', [2, 3]), ops.parameter('b', [3, 4])),
    feeds: { a: random([2, 3], 1), b: random([3, 4], 2) },
  },
  'the gradient of a alone': {
    build: (ops) => ops.matMul(ops.parameter('a', [2, 3]), ops.input('b', [3, 4])),
    feeds: { a: random([2, 3], 1), b: random([3, 4], 2) },
  },
  'the gradient of b alone': {
    build: (ops) => ops.matMul(ops.input('a', [2, 3]), ops.parameter('b', [3, 4])),
    feeds: { a: random([2, 3], 1), b: random([3, 4], 2) },
  },
  'batches, rank 3': {
    build: (ops) => ops.matMul(ops.parameter('a', [2, 3, 2]), ops.parameter('b', [2, 2, 4])),
    feeds: { a: random([2, 3, 2], 1), b: random([2, 2, 4], 2) },
  },
  'batches and heads, rank 4': {
    build: (ops) => ops.matMul(ops.parameter('a', [2, 2, 3, 2]), ops.parameter('b', [2, 2, 2, 3])),
    feeds: { a: random([2, 2, 3, 2], 1), b: random([2, 2, 2, 3], 2) },
  },
  'transposed right': {
    build: (ops) => ops.matMul(ops.parameter('a', [2, 3]), ops.transpose(ops.parameter('b', [4, 3]), [1, 0])),
    feeds: { a: random([2, 3], 1), b: random([4, 3], 2) },
  },
  'transposed left': {
    build: (ops) => ops.matMul(ops.transpose(ops.parameter('a', [3, 2]), [1, 0]), ops.parameter('b', [3, 4])),
    feeds: { a: random([3, 2], 1), b: random([3, 4], 2) },
  },
  'queries and transposed keys, rank 4': {
    build: (ops) => {
      const keys = ops.transpose(ops.parameter('k', [1, 2, 4, 3]), [0, 1, 3, 2]);
      return ops.matMul(ops.parameter('q', [1, 2, 2, 3]), keys);
    },
    feeds: { q: random([1, 2, 2, 3], 1), k: random([1, 2, 4, 3], 2) },
  },
  'a matrix and its own transpose': {
    build: (ops) => {
      const x = ops.parameter('x', [3, 2]);
      return ops.matMul(x, ops.transpose(x, [1, 0]));
    },
    feeds: { x: random([3, 2], 1) },
  },
  'one row and one column': {
    build: (ops) => ops.matMul(ops.parameter('a', [1, 3]), ops.parameter('b', [3, 1])),
    feeds: { a: random([1, 3], 1), b: random([3, 1], 2) },
  },
});

const frozenCases: GradientCase[] = [
  ...casesOf('frozenLinear', {
    'one matrix': {
      build: (ops) => ops.frozenLinear(ops.parameter('x', [3, 4]), ops.weight('w', [2, 4])),
      feeds: { x: random([3, 4], 3), w: random([2, 4], 4) },
    },
    'one row': {
      build: (ops) => ops.frozenLinear(ops.parameter('x', [1, 4]), ops.weight('w', [2, 4])),
      feeds: { x: random([1, 4], 3), w: random([2, 4], 4) },
    },
    'the same matrix twice': {
      build: (ops) => {
        const hidden = ops.tanh(ops.frozenLinear(ops.parameter('x', [2, 3]), ops.weight('w', [3, 3])));
        return ops.frozenLinear(hidden, ops.weight('w', [3, 3]));
      },
      feeds: { x: random([2, 3], 3), w: random([3, 3], 4) },
    },
    'of an input, no gradient': {
      build: (ops) => ops.frozenLinear(ops.input('x', [3, 4]), ops.weight('w', [2, 4])),
      feeds: { x: random([3, 4], 3), w: random([2, 4], 4) },
    },
  }),
  ...casesOf('frozenLinearAdjoint', {
    'of an input, no gradient': {
      build: (ops) => ops.frozenLinearAdjoint(ops.input('y', [3, 2]), ops.weight('w', [2, 4])),
      feeds: { y: random([3, 2], 3), w: random([2, 4], 4) },
    },
  }),
  ...casesOf('embedding', {
    'frozen, no gradient': {
      build: (ops) => ops.embedding(ops.weight('e', [4, 3]), ops.input('ids', [5], 'int32')),
      feeds: { e: random([4, 3], 5), ids: { shape: [5], data: [3, 0, 3, 1, 3] } },
    },
    'trained, repeated and missing ids': {
      build: (ops) => ops.square(ops.embedding(ops.parameter('e', [4, 3]), ops.input('ids', [5], 'int32'))),
      feeds: { e: random([4, 3], 5), ids: { shape: [5], data: [3, 0, 3, 1, 3] } },
    },
  }),
];

const networkCases: GradientCase[] = [
  ...casesOf('rmsNorm', {
    'x and gain trained': {
      build: (ops) => ops.rmsNorm(ops.parameter('x', [3, 4]), ops.parameter('gain', [4]), 1e-5),
      feeds: { x: random([3, 4], 6), gain: random([4], 7, 0.5, 1.5) },
    },
    'x alone, a large epsilon': {
      build: (ops) => ops.rmsNorm(ops.parameter('x', [3, 4]), ops.input('gain', [4]), 0.5),
      feeds: { x: random([3, 4], 6), gain: random([4], 7, 0.5, 1.5) },
    },
    'gain alone': {
      build: (ops) => ops.rmsNorm(ops.input('x', [3, 4]), ops.parameter('gain', [4]), 1e-6),
      feeds: { x: random([3, 4], 6, -10, 10), gain: random([4], 7, -1, 1) },
    },
    'one row': {
      build: (ops) => ops.rmsNorm(ops.parameter('x', [1, 4]), ops.parameter('gain', [4]), 1e-5),
      feeds: { x: random([1, 4], 6), gain: random([4], 7) },
    },
  }),
  ...casesOf('layerNorm', {
    'all trained': {
      build: (ops) =>
        ops.layerNorm(ops.parameter('x', [3, 4]), ops.parameter('gain', [4]), ops.parameter('bias', [4]), 1e-5),
      feeds: { x: random([3, 4], 6), gain: random([4], 7, 0.5, 1.5), bias: random([4], 11) },
    },
    'x alone, a large epsilon': {
      build: (ops) => ops.layerNorm(ops.parameter('x', [3, 4]), ops.input('gain', [4]), ops.input('bias', [4]), 0.5),
      feeds: { x: random([3, 4], 6, 2, 5), gain: random([4], 7, 0.5, 1.5), bias: random([4], 11) },
    },
    'gain and bias alone': {
      build: (ops) =>
        ops.layerNorm(ops.input('x', [3, 4]), ops.parameter('gain', [4]), ops.parameter('bias', [4]), 1e-6),
      feeds: { x: random([3, 4], 6, -10, 10), gain: random([4], 7, -1, 1), bias: random([4], 11) },
    },
    'one row': {
      build: (ops) =>
        ops.layerNorm(ops.parameter('x', [1, 4]), ops.parameter('gain', [4]), ops.parameter('bias', [4]), 1e-5),
      feeds: { x: random([1, 4], 6), gain: random([4], 7), bias: random([4], 11) },
    },
  }),
  ...casesOf('rotary', {
    'heads share the angles, rows do not': {
      build: (ops) =>
        ops.rotary(ops.parameter('x', [2, 3, 2, 4]), ops.input('cos', [2, 1, 2, 2]), ops.input('sin', [2, 1, 2, 2])),
      feeds: { x: random([2, 3, 2, 4], 8), cos: random([2, 1, 2, 2], 9), sin: random([2, 1, 2, 2], 10) },
    },
  }),
];

/** hidden [P, D] and embedding [V, D] scaled so that the distributions are neither flat nor certain. */
function headFeeds(positions: number, width: number, vocabulary: number, temperature = 1): Feeds {
  return {
    hidden: random([positions, width], 11, -2, 2),
    embedding: random([vocabulary, width], 12, -1.5, 1.5),
    target: randomIndices(positions, 13, vocabulary),
    temperature: { shape: [], data: [temperature] },
  };
}

interface Head {
  readonly positions: number;
  readonly width: number;
  readonly vocabulary: number;
}

type Trained = 'hidden' | 'embedding' | 'both' | 'neither';

function head(operation: 'tokenLogProbability' | 'tokenEntropy', size: Head, trained: Trained) {
  const { positions, width, vocabulary } = size;
  return (ops: OpBuilder): Tensor => {
    const hidden =
      trained === 'hidden' || trained === 'both'
        ? ops.parameter('hidden', [positions, width])
        : ops.input('hidden', [positions, width]);
    const embedding: Tensor | FrozenWeight =
      trained === 'embedding' || trained === 'both'
        ? ops.parameter('embedding', [vocabulary, width])
        : ops.weight('embedding', [vocabulary, width]);
    const temperature = ops.input('temperature', []);
    if (operation === 'tokenEntropy') return ops.tokenEntropy(hidden, embedding, temperature);
    return ops.tokenLogProbability(hidden, embedding, ops.input('target', [positions], 'int32'), temperature);
  };
}

const sizes: Readonly<Record<string, Head>> = {
  'P = 5': { positions: 5, width: 3, vocabulary: 7 },
  'P = 1': { positions: 1, width: 3, vocabulary: 7 },
  'P = 256': { positions: 256, width: 3, vocabulary: 40 },
  'P = 512': { positions: 512, width: 3, vocabulary: 40 },
  'P = 300, a last chunk of 44': { positions: 300, width: 3, vocabulary: 40 },
  'V = 300': { positions: 4, width: 3, vocabulary: 300 },
  'V = 512': { positions: 4, width: 3, vocabulary: 512 },
};

function headCases(operation: 'tokenLogProbability' | 'tokenEntropy'): GradientCase[] {
  const trainings: Trained[] = ['hidden', 'embedding', 'both', 'neither'];
  return trainings.flatMap((trained) =>
    casesOf(
      operation,
      Object.fromEntries([
        ...Object.entries(sizes).map(([name, size]) => [
          `${name}, trained: ${trained}`,
          {
            build: head(operation, size, trained),
            feeds: headFeeds(size.positions, size.width, size.vocabulary),
            entries: 40,
            directions: 1,
          },
        ]),
        ...[0.7, 2.5].map((temperature) => [
          `temperature ${temperature}, trained: ${trained}`,
          { build: head(operation, sizes['P = 5'], trained), feeds: headFeeds(5, 3, 7, temperature) },
        ]),
      ]),
    ),
  );
}

const moreHeadCases: GradientCase[] = [
  ...casesOf('tokenLogProbability', {
    'a frozen and a trained use of the same hidden states': {
      build: (ops) => {
        const hidden = ops.tanh(ops.parameter('hidden', [5, 3]));
        const [target, temperature] = [ops.input('target', [5], 'int32'), ops.input('temperature', [])];
        const frozen = ops.tokenLogProbability(hidden, ops.weight('embedding', [7, 3]), target, temperature);
        return ops.mul(frozen, ops.tokenLogProbability(hidden, ops.parameter('trained', [7, 3]), target, temperature));
      },
      feeds: { ...headFeeds(5, 3, 7, 0.7), trained: random([7, 3], 14) },
    },
    'an output matrix that is computed': {
      build: (ops) => {
        const [target, temperature] = [ops.input('target', [5], 'int32'), ops.input('temperature', [])];
        const matrix = ops.mul(ops.tanh(ops.parameter('embedding', [7, 3])), 2);
        return ops.tokenLogProbability(ops.tanh(ops.parameter('hidden', [5, 3])), matrix, target, temperature);
      },
      feeds: headFeeds(5, 3, 7, 0.7),
    },
    'the temperature gets no gradient': {
      build: (ops) =>
        ops.tokenLogProbability(
          ops.parameter('hidden', [5, 3]),
          ops.weight('embedding', [7, 3]),
          ops.input('target', [5], 'int32'),
          ops.parameter('temperature', []),
        ),
      feeds: headFeeds(5, 3, 7, 0.7),
    },
    'extreme logits': {
      build: head('tokenLogProbability', { positions: 3, width: 2, vocabulary: 3 }, 'both'),
      feeds: {
        hidden: { shape: [3, 2], data: [50, -20, 3, 60, -40, 10] },
        embedding: { shape: [3, 2], data: [2, 1, -1, 3, 1, -2] },
        target: { shape: [3], data: [0, 0, 2] },
        temperature: { shape: [], data: [1] },
      },
    },
  }),
  ...casesOf('tokenEntropy', {
    'the temperature gets no gradient': {
      build: (ops) =>
        ops.tokenEntropy(
          ops.parameter('hidden', [5, 3]),
          ops.weight('embedding', [7, 3]),
          ops.parameter('temperature', []),
        ),
      feeds: headFeeds(5, 3, 7, 0.7),
    },
  }),
];

export const linearCases: readonly GradientCase[] = [
  ...matMulCases,
  ...frozenCases,
  ...networkCases,
  ...headCases('tokenLogProbability'),
  ...headCases('tokenEntropy'),
  ...moreHeadCases,
];
