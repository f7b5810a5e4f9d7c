import assert from 'node:assert/strict';
import { type OpBuilder, ShapeError, type Tensor } from '../../../../models/ops.ts';
import { GraphBuilder } from '../../../../server/engine/onnx/graph.ts';
import { compile, compileGraph } from '../../../../server/engine/onnx/program.ts';

/** What is wrong with a call, and what its error must say: the operation, the shapes, the reason. */
const refusals: readonly [name: string, build: (ops: OpBuilder) => Tensor, message: RegExp][] = [
  [
    'operands that do not broadcast',
    (ops) => ops.add(x(ops, [2, 3]), x(ops, [4, 3])),
    /^add\(\[2, 3\], \[4, 3\]\): axis 0.*2 and 4/,
  ],
  [
    'inner dimensions that differ',
    (ops) => ops.matMul(x(ops, [2, 3]), x(ops, [4, 2])),
    /^matMul\(\[2, 3\], \[4, 2\]\): inner.*3 and 4/,
  ],
  ['leading dimensions that differ', (ops) => ops.matMul(x(ops, [2, 2, 3]), x(ops, [1, 3, 2])), /^matMul\(.*leading/],
  ['ranks that differ', (ops) => ops.matMul(x(ops, [2, 2, 3]), x(ops, [3, 2])), /^matMul\(.*same rank/],
  [
    'a reshape to another number of entries',
    (ops) => ops.reshape(x(ops, [2, 3]), [5]),
    /^reshape\(\[2, 3\], \[5\]\): 6 entries do not fill 5/,
  ],
  [
    'a reshape that loses a name',
    (ops) => ops.reshape(x(ops, ['batch', 3]), [6]),
    /^reshape\(\[batch, 3\], \[6\]\): a named dimension/,
  ],
  ['two names after a reshape', (ops) => ops.reshape(x(ops, ['a', 3]), ['a', 'b']), /at most one dimension/],
  [
    'what is no permutation',
    (ops) => ops.transpose(x(ops, [2, 3]), [0, 0]),
    /^transpose\(\[2, 3\]\): \[0, 0\] is not a permutation/,
  ],
  ['a slice beyond the end', (ops) => ops.slice(x(ops, [4]), 0, 2, 5), /^slice\(\[4\]\): entries 2 to 5 of axis 0/],
  ['an empty slice', (ops) => ops.slice(x(ops, [4]), 0, 2, 2), /^slice/],
  ['a slice of a named axis', (ops) => ops.slice(x(ops, ['batch']), 0, 0, 1), /no fixed size/],
  [
    'parts of other widths',
    (ops) => ops.concat([x(ops, [2, 3]), x(ops, [2, 4])], 0),
    /^concat\(\[2, 3\], \[2, 4\]\): all axes but 0/,
  ],
  ['nothing to join', (ops) => ops.concat([], 0), /^concat\(\): nothing/],
  ['an axis that is not there', (ops) => ops.sum(x(ops, [2]), { axes: [1] }), /^sum\(\[2\]\): there is no axis 1/],
  ['an axis twice', (ops) => ops.mean(x(ops, [2, 2]), { axes: [0, -2] }), /^mean\(\[2, 2\]\): axes 0, 0 repeat/],
  ['a broadcast to a smaller shape', (ops) => ops.broadcastTo(x(ops, [2, 3]), [3]), /^broadcastTo\(\[2, 3\], \[3\]\)/],
  ['rank five', (ops) => ops.reshape(x(ops, [4]), [1, 1, 1, 1, 4]), /^reshape.*ranks above 4/],
  ['a dimension of 0', (ops) => x(ops, [0, 2]), /^input\(\[0, 2\]\): the dimension 0/],
  [
    'indices that are numbers',
    (ops) => ops.gatherRows(x(ops, [3, 2]), x(ops, [2])),
    /^gatherRows\(\[2\]\): an int32 vector/,
  ],
  [
    'an index for each update',
    (ops) => ops.scatterAddRows(x(ops, [3, 2]), i(ops, 2), 5),
    /^scatterAddRows\(\[3, 2\], \[2\]\): one index a row/,
  ],
  [
    'a frozen matrix of another width',
    (ops) => ops.frozenLinear(x(ops, [2, 3]), ops.weight('w', [5, 4])),
    /^frozenLinear\(\[2, 3\], \[5, 4\]\): the operand of w must be \[N, 4\]/,
  ],
  [
    'its adjoint too',
    (ops) => ops.frozenLinearAdjoint(x(ops, [2, 4]), ops.weight('w', [5, 4])),
    /^frozenLinearAdjoint.*\[N, 5\]/,
  ],
  [
    'a gain of another width',
    (ops) => ops.rmsNorm(x(ops, [2, 3]), ops.input('g', [2]), 1e-5),
    /^rmsNorm\(\[2, 3\], \[2\]\): the gain must be \[3\]/,
  ],
  [
    'angles of another width',
    (ops) => ops.rotary(x(ops, [1, 2, 3, 4]), ops.input('c', [1, 1, 3, 4]), ops.input('s', [1, 1, 3, 4])),
    /^rotary\(.*\[1, 1, 3, 2\]/,
  ],
  [
    'a target for each place',
    (ops) => ops.tokenLogProbability(x(ops, [2, 3]), ops.weight('e', [7, 3]), i(ops, 1), ops.input('t', [])),
    /^tokenLogProbability.*one target a row/,
  ],
  [
    'a temperature that is no scalar',
    (ops) => ops.tokenEntropy(x(ops, [2, 3]), ops.weight('e', [7, 3]), ops.input('t', [1])),
    /^tokenEntropy\(\[1\]\): the temperature is a scalar/,
  ],
  ['and of what is not bool', (ops) => ops.and(ops.less(x(ops, [2]), 0), x(ops, [2])), /^and\(.*both must be bool/],
  [
    'a condition that is a number',
    (ops) => ops.where(x(ops, [2]), 1, 0),
    /^where\(\[2\]\): the condition must be bool/,
  ],
  ['a cast of what is float32', (ops) => ops.toFloat(x(ops, [2])), /^toFloat/],
  ['exp of whole numbers', (ops) => ops.exp(i(ops, 2)), /^exp\(\[2\]\): float32 is needed, not int32/],
  ['types that do not go together', (ops) => ops.add(x(ops, [2]), i(ops, 2)), /^add.*float32 and int32/],
  ['a softmax of a scalar', (ops) => ops.softmax(x(ops, [])), /^softmax\(\[\]\)/],
  ['constants that do not fill their shape', (ops) => ops.constant([1, 2, 3], [2]), /^constant\(\[2\]\): 3 values/],
  [
    'one name for two shapes',
    (ops) => ops.add(ops.input('a', [2]), ops.input('a', [3])),
    /^input\(\[2\], \[3\]\): a is declared twice/,
  ],
  [
    'one name for input and parameter',
    (ops) => ops.add(ops.input('a', [2]), ops.parameter('a', [2])),
    /a is an input and a parameter/,
  ],
];

const x = (ops: OpBuilder, shape: readonly (number | string)[]) => ops.input(`x${shape.join('.')}`, shape);
const i = (ops: OpBuilder, size: number) => ops.input(`i${size}`, [size], 'int32');

describe('a graph names operation and shapes where it refuses', () => {
  for (const [name, build, message] of refusals) {
    it(name, () => {
      assert.throws(
        () => build(new GraphBuilder()),
        (error) => {
          assert.ok(error instanceof ShapeError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

describe('a graph', () => {
  it('infers shapes, names included', () => {
    const ops = new GraphBuilder();
    const rows = ops.input('rows', ['batch', 4]);
    assert.deepEqual(ops.add(rows, ops.input('b', [4])).shape, ['batch', 4]);
    assert.deepEqual(ops.sum(rows, { axes: [-1] }).shape, ['batch']);
    assert.deepEqual(ops.sum(rows, { axes: [1], keepDims: true }).shape, ['batch', 1]);
    assert.deepEqual(ops.reshape(rows, ['batch', 2, 2]).shape, ['batch', 2, 2]);
    assert.deepEqual(ops.concat([ops.input('past', ['past', 2]), ops.input('new', [1, 2])], 0).shape, ['past+1', 2]);
    assert.deepEqual(ops.matMul(ops.input('l', [2, 3]), ops.input('r', [3, 5])).shape, [2, 5]);
    assert.deepEqual(ops.slice(rows, 1, -3, -1).shape, ['batch', 2]);
    assert.deepEqual(ops.transpose(ops.input('t', [2, 3, 4]), [2, 0, 1]).shape, [4, 2, 3]);
  });

  it('gives the same tensor for the same name, and one constant for equal numbers', () => {
    const ops = new GraphBuilder();
    assert.equal(ops.parameter('p', [2]), ops.parameter('p', [2]));
    assert.equal(ops.weight('w', [2, 3]), ops.weight('w', [2, 3]));
    assert.throws(() => ops.weight('w', [3, 2]), /w has two shapes/);
    assert.equal(ops.constant(0.5), ops.constant(0.5));
  });

  it('writes only what its outputs need', () => {
    const { inputs, outputs } = compileGraph((ops) => {
      ops.exp(ops.input('unused', [9]));
      return { y: ops.exp(ops.input('used', [2])) };
    });
    assert.deepEqual([...inputs.keys()], ['used']);
    assert.deepEqual(outputs.get('y'), { shape: [2], dtype: 'float32' });
  });
});

describe('the checker', () => {
  it('refuses a tensor of another graph, naming who reads it', () => {
    const other = new GraphBuilder().input('foreign', [2]);
    assert.throws(
      () => compileGraph((ops) => ({ y: ops.add(ops.input('a', [2]), ops.exp(other)) })),
      /exp\(\[2\]\) → \[2\]: operand \d+ is not computed before it, or comes from another graph/,
    );
    assert.throws(() => compileGraph(() => ({ y: other })), /Output y was not computed by this graph/);
  });

  it('refuses names that stand for two things, and reserved ones', () => {
    assert.throws(
      () => compileGraph((ops) => ({ a: ops.exp(ops.input('a', [2])) })),
      /The name a stands for two things/,
    );
    assert.throws(() => compileGraph((ops) => ({ y: ops.exp(ops.input('%a', [2])) })), /The name %a is reserved/);
  });

  it('wants a scalar loss for gradients, and every parameter in the flat order', () => {
    const loss = (ops: OpBuilder) => ({ loss: ops.sum(ops.mul(ops.parameter('a', [2]), ops.parameter('b', [2]))) });
    assert.throws(
      () => compileGraph((ops) => ({ y: loss(ops).loss }), { gradients: 'each' }),
      /scalar output named "loss"/,
    );
    assert.throws(
      () => compileGraph((ops) => ({ loss: ops.parameter('a', [2]) }), { gradients: 'each' }),
      /scalar output/,
    );
    const flat = (parameters: string[]) => compileGraph(loss, { gradients: 'accumulate', parameters });
    assert.throws(() => flat(['a']), /lacks b/);
    assert.throws(() => flat(['a', 'b', 'c']), /names c, which the graph does not have/);
  });

  it('lets no gradient through a detached operation: what lies before it gets zeros', async () => {
    const session = await compile(
      (ops) => {
        const y = ops.frozenLinearAdjoint(ops.parameter('p', [1, 3]), ops.weight('w', [3, 2]));
        return { loss: ops.sum(ops.mul(y, ops.parameter('q', [1, 2]))) };
      },
      { gradients: 'each' },
    );
    const w = Float32Array.of(1, 2, 3, 4, 5, 6);
    const outputs = await session.run({ p: Float32Array.of(1, 1, 1), q: Float32Array.of(1, 1), w });
    assert.deepEqual([...outputs['gradient/p'].data], [0, 0, 0]);
    assert.deepEqual([...outputs['gradient/q'].data], [9, 12]);
    await session.release();
  });
});
