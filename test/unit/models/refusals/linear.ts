import type { DType, OpBuilder, Tensor } from '../../../../models/ops.ts';
import { type Refusal, type Refusals, zeros } from './refusal.ts';

const matrixOperations = {
  frozenLinear: (ops: OpBuilder, x: Tensor) => ops.frozenLinear(x, ops.weight('w', [2, 3])),
  frozenLinearAdjoint: (ops: OpBuilder, x: Tensor) => ops.frozenLinearAdjoint(x, ops.weight('w', [2, 3])),
};

function frozenRefusals(operation: keyof typeof matrixOperations, width: number): Refusal[] {
  const apply = matrixOperations[operation];
  return [
    {
      name: 'rows of another width',
      shows: [`[4, ${width + 1}]`, '[2, 3]'],
      call: (ops) => apply(ops, zeros(ops, [4, width + 1])),
    },
    { name: 'a vector', shows: [`[${width}]`, '[2, 3]'], call: (ops) => apply(ops, zeros(ops, [width])) },
    { name: 'rank 3', shows: [`[1, 2, ${width}]`], call: (ops) => apply(ops, zeros(ops, [1, 2, width])) },
    { name: 'int32', shows: [`[4, ${width}]`], call: (ops) => apply(ops, zeros(ops, [4, width], 'int32')) },
  ];
}

type HeadOperands = {
  hidden?: number[];
  embedding?: number[];
  target?: number[];
  temperature?: number[];
  type?: DType;
};

function headRefusals(operation: 'tokenLogProbability' | 'tokenEntropy'): Refusal[] {
  const apply = (changed: HeadOperands) => (ops: OpBuilder) => {
    const hidden = zeros(ops, changed.hidden ?? [4, 3]);
    const embedding = zeros(ops, changed.embedding ?? [5, 3]);
    const temperature = zeros(ops, changed.temperature ?? []);
    if (operation === 'tokenEntropy') return ops.tokenEntropy(hidden, embedding, temperature);
    return ops.tokenLogProbability(
      hidden,
      embedding,
      zeros(ops, changed.target ?? [4], changed.type ?? 'int32'),
      temperature,
    );
  };
  const targets: Refusal[] = [
    { name: 'too few targets', shows: ['[4, 3]', '[2]'], call: apply({ target: [2] }) },
    { name: 'a matrix of targets', shows: ['[4, 1]'], call: apply({ target: [4, 1] }) },
    { name: 'targets that are no integers', shows: ['[4]'], call: apply({ type: 'float32' }) },
  ];
  return [
    { name: 'another width', shows: ['[4, 2]', '[5, 3]'], call: apply({ hidden: [4, 2] }) },
    { name: 'hidden states of rank 3', shows: ['[1, 4, 3]', '[5, 3]'], call: apply({ hidden: [1, 4, 3] }) },
    { name: 'an embedding of rank 1', shows: ['[4, 3]', '[3]'], call: apply({ embedding: [3] }) },
    { name: 'a temperature for every row', shows: ['[4]'], call: apply({ temperature: [4] }) },
    {
      name: 'a frozen embedding of another width',
      shows: ['[4, 4]', '[2, 3]'],
      call: (ops) => {
        const [hidden, embedding, temperature] = [zeros(ops, [4, 4]), ops.weight('w', [2, 3]), zeros(ops, [])];
        if (operation === 'tokenEntropy') return ops.tokenEntropy(hidden, embedding, temperature);
        return ops.tokenLogProbability(hidden, embedding, zeros(ops, [4], 'int32'), temperature);
      },
    },
    ...(operation === 'tokenLogProbability' ? targets : []),
  ];
}

const embeddingRefusals: Refusal[] = [
  {
    name: 'ids that are no integers',
    shows: ['[2]'],
    call: (ops) => ops.embedding(ops.weight('w', [2, 3]), zeros(ops, [2])),
  },
  {
    name: 'a matrix of ids',
    shows: ['[2, 2]'],
    call: (ops) => ops.embedding(ops.weight('w', [2, 3]), zeros(ops, [2, 2], 'int32')),
  },
  {
    name: 'an embedding of rank 3',
    shows: ['[2, 3, 4]'],
    call: (ops) => ops.embedding(zeros(ops, [2, 3, 4]), zeros(ops, [2], 'int32')),
  },
];

const networkRefusals: Refusals = {
  matMul: [
    {
      name: 'inner dimensions that differ',
      shows: ['[2, 3]', '[4, 2]'],
      call: (ops) => ops.matMul(zeros(ops, [2, 3]), zeros(ops, [4, 2])),
    },
    {
      name: 'leading dimensions that differ',
      shows: ['[2, 3, 4]', '[1, 4, 3]'],
      call: (ops) => ops.matMul(zeros(ops, [2, 3, 4]), zeros(ops, [1, 4, 3])),
    },
    {
      name: 'other ranks',
      shows: ['[2, 3, 4]', '[4, 3]'],
      call: (ops) => ops.matMul(zeros(ops, [2, 3, 4]), zeros(ops, [4, 3])),
    },
    { name: 'vectors', shows: ['[3]', '[3]'], call: (ops) => ops.matMul(zeros(ops, [3]), zeros(ops, [3])) },
    {
      name: 'int32',
      shows: ['[2, 2]'],
      call: (ops) => ops.matMul(zeros(ops, [2, 2], 'int32'), zeros(ops, [2, 2], 'int32')),
    },
  ],
  rmsNorm: [
    {
      name: 'another gain',
      shows: ['[2, 3]', '[2]'],
      call: (ops) => ops.rmsNorm(zeros(ops, [2, 3]), zeros(ops, [2]), 1e-5),
    },
    {
      name: 'a gain of rank 2',
      shows: ['[2, 3]', '[1, 3]'],
      call: (ops) => ops.rmsNorm(zeros(ops, [2, 3]), zeros(ops, [1, 3]), 1e-5),
    },
    { name: 'rank 3', shows: ['[1, 2, 3]'], call: (ops) => ops.rmsNorm(zeros(ops, [1, 2, 3]), zeros(ops, [3]), 1e-5) },
  ],
  layerNorm: [
    {
      name: 'another bias',
      shows: ['[2, 3]', '[2]'],
      call: (ops) => ops.layerNorm(zeros(ops, [2, 3]), zeros(ops, [3]), zeros(ops, [2]), 1e-5),
    },
    {
      name: 'rank 3',
      shows: ['[1, 2, 3]'],
      call: (ops) => ops.layerNorm(zeros(ops, [1, 2, 3]), zeros(ops, [3]), zeros(ops, [3]), 1e-5),
    },
  ],
  rotary: [
    {
      name: 'angles as wide as the head',
      shows: ['[1, 2, 3, 4]', '[1, 1, 3, 4]'],
      call: (ops) => ops.rotary(zeros(ops, [1, 2, 3, 4]), zeros(ops, [1, 1, 3, 4]), zeros(ops, [1, 1, 3, 4])),
    },
    {
      name: 'a sine of another shape',
      shows: ['[1, 2, 3, 4]', '[1, 1, 2, 2]'],
      call: (ops) => ops.rotary(zeros(ops, [1, 2, 3, 4]), zeros(ops, [1, 1, 3, 2]), zeros(ops, [1, 1, 2, 2])),
    },
    {
      name: 'rank 3',
      shows: ['[2, 3, 4]'],
      call: (ops) => ops.rotary(zeros(ops, [2, 3, 4]), zeros(ops, [1, 3, 2]), zeros(ops, [1, 3, 2])),
    },
    {
      name: 'an odd width',
      shows: ['[1, 2, 3, 5]'],
      call: (ops) => ops.rotary(zeros(ops, [1, 2, 3, 5]), zeros(ops, [1, 1, 3, 2]), zeros(ops, [1, 1, 3, 2])),
    },
  ],
};

export const linearRefusals: Refusals = {
  ...networkRefusals,
  frozenLinear: frozenRefusals('frozenLinear', 3),
  frozenLinearAdjoint: frozenRefusals('frozenLinearAdjoint', 2),
  embedding: embeddingRefusals,
  tokenLogProbability: headRefusals('tokenLogProbability'),
  tokenEntropy: headRefusals('tokenEntropy'),
};
