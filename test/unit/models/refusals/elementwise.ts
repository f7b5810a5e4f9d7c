import { type Refusal, type Refusals, zeros } from './refusal.ts';

const binary = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'less', 'greaterEqual', 'equal'] as const;
const unary = ['neg', 'exp', 'log', 'sqrt', 'square', 'sigmoid', 'tanh', 'softplus', 'silu', 'gelu'] as const;

function binaryRefusals(operation: (typeof binary)[number]): Refusal[] {
  return [
    {
      name: 'axes that neither match nor are 1',
      shows: ['[2, 3]', '[2]'],
      call: (ops) => ops[operation](zeros(ops, [2, 3]), zeros(ops, [2])),
    },
    {
      name: 'an inner axis that does not match',
      shows: ['[2, 3, 4]', '[2, 2, 4]'],
      call: (ops) => ops[operation](zeros(ops, [2, 3, 4]), zeros(ops, [2, 2, 4])),
    },
    {
      name: 'different types',
      shows: ['[3]', '[2, 3]'],
      call: (ops) => ops[operation](zeros(ops, [3]), zeros(ops, [2, 3], 'int32')),
    },
    {
      name: 'bool',
      shows: ['[3]'],
      call: (ops) => ops[operation](zeros(ops, [3], 'bool'), zeros(ops, [3], 'bool')),
    },
  ];
}

function unaryRefusals(operation: (typeof unary)[number]): Refusal[] {
  return [
    { name: 'int32', shows: ['[2, 3]'], call: (ops) => ops[operation](zeros(ops, [2, 3], 'int32')) },
    { name: 'bool', shows: ['[2, 3]'], call: (ops) => ops[operation](zeros(ops, [2, 3], 'bool')) },
  ];
}

const logicRefusals: Refusals = {
  and: [
    {
      name: 'axes that do not match',
      shows: ['[2]', '[3]'],
      call: (ops) => ops.and(zeros(ops, [2], 'bool'), zeros(ops, [3], 'bool')),
    },
    { name: 'numbers', shows: ['[2]'], call: (ops) => ops.and(zeros(ops, [2], 'bool'), zeros(ops, [2])) },
  ],
  toFloat: [{ name: 'float32', shows: ['[2]'], call: (ops) => ops.toFloat(zeros(ops, [2])) }],
  where: [
    {
      name: 'sides that do not match',
      shows: ['[2]', '[3]'],
      call: (ops) => ops.where(zeros(ops, [1], 'bool'), zeros(ops, [2]), zeros(ops, [3])),
    },
    {
      name: 'a condition that does not match',
      shows: ['[2]', '[3]'],
      call: (ops) => ops.where(zeros(ops, [2], 'bool'), zeros(ops, [3]), 0),
    },
    { name: 'a number as condition', shows: ['[3]'], call: (ops) => ops.where(zeros(ops, [3]), zeros(ops, [3]), 0) },
    {
      name: 'different types',
      shows: ['[3]'],
      call: (ops) => ops.where(zeros(ops, [3], 'bool'), zeros(ops, [3]), zeros(ops, [3], 'int32')),
    },
  ],
};

export const elementwiseRefusals: Refusals = {
  ...Object.fromEntries(binary.map((operation) => [operation, binaryRefusals(operation)])),
  ...Object.fromEntries(unary.map((operation) => [operation, unaryRefusals(operation)])),
  ...logicRefusals,
};
