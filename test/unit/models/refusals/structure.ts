import { type Refusal, type Refusals, zeros } from './refusal.ts';

export const leafRefusals: Refusals = {
  input: [
    {
      name: 'a second shape under one name',
      shows: ['[3, 2]', '[2, 3]'],
      call: (ops) => [ops.input('x', [2, 3]), ops.input('x', [3, 2])],
    },
    {
      name: 'a second type under one name',
      shows: ['[2]'],
      call: (ops) => [ops.input('i', [2], 'int32'), ops.input('i', [2])],
    },
    { name: 'rank 5', shows: ['[1, 1, 1, 2, 3]'], call: (ops) => ops.input('x', [1, 1, 1, 2, 3]) },
    { name: 'an empty axis', shows: ['[0, 3]'], call: (ops) => ops.input('x', [0, 3]) },
    { name: 'half an entry', shows: ['[1.5]'], call: (ops) => ops.input('x', [1.5]) },
  ],
  parameter: [
    {
      name: 'a second shape under one name',
      shows: ['[3, 2]', '[2, 3]'],
      call: (ops) => [ops.parameter('x', [2, 3]), ops.parameter('x', [3, 2])],
    },
    { name: 'rank 5', shows: ['[1, 1, 1, 2, 3]'], call: (ops) => ops.parameter('x', [1, 1, 1, 2, 3]) },
    {
      name: 'the name of an input',
      shows: ['[2, 3]'],
      call: (ops) => [ops.input('x', [2, 3]), ops.parameter('x', [2, 3])],
    },
  ],
  weight: [
    {
      name: 'a second shape under one name',
      shows: ['[3, 2]', '[2, 3]'],
      call: (ops) => [ops.weight('w', [2, 3]), ops.weight('w', [3, 2])],
    },
  ],
  constant: [
    { name: 'too few values', shows: ['[2, 3]'], call: (ops) => ops.constant([1, 2], [2, 3]) },
    { name: 'one number for several entries', shows: ['[3]'], call: (ops) => ops.constant(1, [3]) },
  ],
};

const reductions = ['sum', 'mean', 'max'] as const;

function reductionRefusals(operation: (typeof reductions)[number]): Refusal[] {
  const refuse = (name: string, axes: number[]): Refusal => ({
    name,
    shows: ['[2, 3]'],
    call: (ops) => ops[operation](zeros(ops, [2, 3]), { axes }),
  });
  return [
    refuse('an axis too far', [2]),
    refuse('an axis too far from the back', [-3]),
    refuse('an axis between two', [0.5]),
    refuse('an axis twice', [1, 1]),
    refuse('an axis twice, once from the back', [1, -1]),
    { name: 'int32', shows: ['[2]'], call: (ops) => ops[operation](zeros(ops, [2], 'int32')) },
  ];
}

export const structureRefusals: Refusals = {
  ...Object.fromEntries(reductions.map((operation) => [operation, reductionRefusals(operation)])),
  softmax: [
    { name: 'a scalar', shows: ['[]'], call: (ops) => ops.softmax(zeros(ops, [])) },
    { name: 'int32', shows: ['[2]'], call: (ops) => ops.softmax(zeros(ops, [2], 'int32')) },
  ],
  reshape: [
    {
      name: 'another number of entries',
      shows: ['[2, 3]', '[4]'],
      call: (ops) => ops.reshape(zeros(ops, [2, 3]), [4]),
    },
    { name: 'rank 5', shows: ['[1, 1, 1, 2, 3]'], call: (ops) => ops.reshape(zeros(ops, [2, 3]), [1, 1, 1, 2, 3]) },
    { name: 'two names', shows: ['[2, 3]', '[a, b]'], call: (ops) => ops.reshape(zeros(ops, [2, 3]), ['a', 'b']) },
    { name: 'negative dimensions', shows: ['[-2, -3]'], call: (ops) => ops.reshape(zeros(ops, [2, 3]), [-2, -3]) },
  ],
  transpose: [
    { name: 'too few axes', shows: ['[2, 3]'], call: (ops) => ops.transpose(zeros(ops, [2, 3]), [1]) },
    { name: 'an axis twice', shows: ['[2, 3]'], call: (ops) => ops.transpose(zeros(ops, [2, 3]), [1, 1]) },
    { name: 'an axis too far', shows: ['[2, 3]'], call: (ops) => ops.transpose(zeros(ops, [2, 3]), [1, 2]) },
  ],
  broadcastTo: [
    { name: 'a smaller shape', shows: ['[2, 3]', '[3]'], call: (ops) => ops.broadcastTo(zeros(ops, [2, 3]), [3]) },
    { name: 'an axis of 1', shows: ['[2, 3]', '[1, 3]'], call: (ops) => ops.broadcastTo(zeros(ops, [2, 3]), [1, 3]) },
    { name: 'another axis', shows: ['[2, 3]', '[2, 4]'], call: (ops) => ops.broadcastTo(zeros(ops, [2, 3]), [2, 4]) },
    { name: 'rank 5', shows: ['[1, 1, 1, 1, 3]'], call: (ops) => ops.broadcastTo(zeros(ops, [3]), [1, 1, 1, 1, 3]) },
  ],
  slice: [
    { name: 'an axis too far', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 2, 0) },
    { name: 'past the end', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 1, 0, 4) },
    { name: 'nothing', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 1, 2, 2) },
    { name: 'backwards', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 1, 2, 1) },
    { name: 'before the front', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 1, -4) },
    { name: 'half an entry', shows: ['[2, 3]'], call: (ops) => ops.slice(zeros(ops, [2, 3]), 1, 0.5) },
  ],
  concat: [
    { name: 'nothing', shows: [], call: (ops) => ops.concat([], 0) },
    {
      name: 'shapes that differ elsewhere',
      shows: ['[2, 3]', '[2, 4]'],
      call: (ops) => ops.concat([zeros(ops, [2, 3]), zeros(ops, [2, 4])], 0),
    },
    {
      name: 'other ranks',
      shows: ['[2, 3]', '[3]'],
      call: (ops) => ops.concat([zeros(ops, [2, 3]), zeros(ops, [3])], 0),
    },
    { name: 'an axis too far', shows: ['[2]'], call: (ops) => ops.concat([zeros(ops, [2]), zeros(ops, [2])], 1) },
    {
      name: 'different types',
      shows: ['[2]', '[3]'],
      call: (ops) => ops.concat([zeros(ops, [2]), zeros(ops, [3], 'int32')], 0),
    },
  ],
  gatherRows: [
    {
      name: 'rows of rank 3',
      shows: ['[2, 3, 4]'],
      call: (ops) => ops.gatherRows(zeros(ops, [2, 3, 4]), zeros(ops, [2], 'int32')),
    },
    {
      name: 'an index of rank 2',
      shows: ['[2, 1]'],
      call: (ops) => ops.gatherRows(zeros(ops, [2, 3]), zeros(ops, [2, 1], 'int32')),
    },
    {
      name: 'an index that is no integer',
      shows: ['[2]'],
      call: (ops) => ops.gatherRows(zeros(ops, [2, 3]), zeros(ops, [2])),
    },
  ],
  scatterAddRows: [
    {
      name: 'more rows than indices',
      shows: ['[3, 2]', '[2]'],
      call: (ops) => ops.scatterAddRows(zeros(ops, [3, 2]), zeros(ops, [2], 'int32'), 4),
    },
    {
      name: 'an index that is no integer',
      shows: ['[3]'],
      call: (ops) => ops.scatterAddRows(zeros(ops, [3, 2]), zeros(ops, [3]), 4),
    },
    {
      name: 'a vector of updates',
      shows: ['[3]'],
      call: (ops) => ops.scatterAddRows(zeros(ops, [3]), zeros(ops, [3], 'int32'), 4),
    },
    {
      name: 'no rows',
      shows: ['0'],
      call: (ops) => ops.scatterAddRows(zeros(ops, [3, 2]), zeros(ops, [3], 'int32'), 0),
    },
  ],
};
