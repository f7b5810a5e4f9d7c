import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { type Build, checkGradient, type Engine, engines } from '../support/checkGradient.ts';
import { relativeError } from '../support/close.ts';
import { random } from '../support/reference/random.ts';
import { ReferenceBuilder, valueOf } from '../support/reference.ts';

const { onnx } = engines;
const feeds = { x: random([3, 4], 1), w: random([4, 2], 2) };
const build: Build = (ops) => ops.tanh(ops.matMul(ops.parameter('x', [3, 4]), ops.parameter('w', [4, 2])));

/** An engine that returns one output with its entries changed, or without that output at all. */
function faulty(output: string, change: (entry: number, position: number) => number): { onnx: Engine } {
  return {
    onnx: {
      async evaluate(graph, values) {
        const outputs = await onnx.evaluate(graph, values);
        const { shape, data } = outputs[output];
        return { ...outputs, [output]: { shape, data: Array.from(data, change) } };
      },
    },
  };
}

describe('checkGradient', () => {
  it('reports how far each engine is off', async () => {
    const errors = await checkGradient(build, feeds);
    assert.deepEqual(Object.keys(errors), Object.keys(engines));
    assert.deepEqual(Object.keys(errors.onnx.gradients), ['x', 'w']);
    assert.ok(errors.onnx.gradients.x < 1e-5);
  });

  it('notices a value that is off', async () => {
    const wrong = faulty('checked', (entry, position) => (position === 5 ? entry + 1e-4 : entry));
    await assert.rejects(checkGradient(build, feeds, { engines: wrong }), /onnx: value is off by/);
  });

  it('notices one entry of one gradient that is off', async () => {
    const wrong = faulty('gradient/w', (entry, position) => (position === 7 ? entry * 1.01 : entry));
    await assert.rejects(checkGradient(build, feeds, { engines: wrong }), /onnx: gradient of w is off by/);
  });

  it('notices NaN', async () => {
    const wrong = faulty('gradient/x', (entry, position) => (position === 3 ? Number.NaN : entry));
    await assert.rejects(checkGradient(build, feeds, { engines: wrong }), /onnx: gradient of x is off by Infinity/);
  });

  it('notices a wrong entry along a random direction when no entry is probed', async () => {
    const wrong = faulty('gradient/x', (entry, position) => (position === 3 ? entry + 0.01 : entry));
    await checkGradient(build, feeds, { engines: { onnx }, entries: 0, directions: 1 });
    await assert.rejects(
      checkGradient(build, feeds, { engines: wrong, entries: 0, directions: 1 }),
      /onnx: gradient of x is off by/,
    );
  });

  it('notices a gradient that is missing', async () => {
    const wrong: Engine = {
      async evaluate(graph, values) {
        const { 'gradient/w': _, ...rest } = await onnx.evaluate(graph, values);
        return rest;
      },
    };
    await assert.rejects(checkGradient(build, feeds, { engines: { onnx: wrong } }), /no gradient of w/);
  });

  it('refuses a gradient through an operation that has none', async () => {
    const through: Build = (ops) => ops.frozenLinearAdjoint(ops.parameter('x', [3, 4]), ops.weight('w', [4, 2]));
    await assert.rejects(checkGradient(through, feeds), /onnx: gradient of x is off by 1.00e\+0/);
  });
});

describe('relativeError', () => {
  it('is the largest difference over the largest expected entry', () => {
    assert.equal(relativeError([1, 2.5, 4], [1, 2, 4]), 0.125);
    assert.equal(relativeError([0.25], [0]), 0.25);
    assert.equal(relativeError([Number.NaN, 0], [1, 0]), Number.POSITIVE_INFINITY);
  });
});

describe('the reference, where a gradient is stopped', () => {
  const stopped = (ops: OpBuilder): Tensor => {
    const x = ops.parameter('x', [2]);
    return ops.mul(x, ops.stopGradient(ops.square(x)));
  };

  it('repeats the values of the base point', () => {
    const base = new ReferenceBuilder({ x: { shape: [2], data: [2, 3] } });
    assert.deepEqual([...valueOf(stopped(base)).data], [8, 27]);
    const moved = new ReferenceBuilder({ x: { shape: [2], data: [2.5, 3] } }, { stopped: base.stopped });
    assert.deepEqual([...valueOf(stopped(moved)).data], [10, 27]);
  });

  it('refuses a build that stops more gradients than at the base point', () => {
    const replay = new ReferenceBuilder({ x: { shape: [2], data: [2, 3] } }, { stopped: [] });
    assert.throws(() => stopped(replay), /more than 0 times/);
  });
});
