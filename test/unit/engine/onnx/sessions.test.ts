import assert from 'node:assert/strict';
import { Model } from '../../../../server/engine/model.ts';
import { compile } from '../../../../server/engine/onnx/program.ts';
import type { Session } from '../../../../server/engine/runtime.ts';
import { tinyModel } from '../../../support/tinyModel.ts';

describe('a session', () => {
  const open: Session[] = [];
  const session = async (...given: Parameters<typeof compile>) => {
    open.push(await compile(...given));
    return open.at(-1)!;
  };
  after(async () => {
    for (const each of open) await each.release();
  });

  it('runs with more feeds than it reads, and with named dimensions of any size', async () => {
    const double = await session((ops) => ({ y: ops.mul(ops.input('x', ['batch', 2]), 2) }));
    for (const rows of [1, 3]) {
      const data = Float32Array.from({ length: rows * 2 }, (_, k) => k);
      const { y } = await double.run({ x: { data, shape: [rows, 2] }, other: new Float32Array(5) });
      assert.deepEqual([...y.shape], [rows, 2]);
      assert.deepEqual([...y.data], [...data.map((value) => value * 2)]);
    }
  });

  it('says what is missing or does not fit', async () => {
    const sum = await session((ops) => ({
      y: ops.add(ops.input('a', [2]), ops.toFloat(ops.input('b', [2], 'int32'))),
    }));
    const a = new Float32Array(2);
    const b = new Int32Array(2);
    await assert.rejects(sum.run({ a }), /Nothing is fed to the input b/);
    await assert.rejects(sum.run({ a, b: { data: b, shape: [1, 2] } }), /The input b is \[2\], fed with \[1, 2\]/);
    await assert.rejects(sum.run({ a, b: new Float32Array(2) }), /The input b is int32/);
    await assert.rejects(sum.run({ a: new Int32Array(2), b }), /The input a is float32/);
  });

  it('writes an output into a given array, which may be an input of the run', async () => {
    const step = await session((ops) => ({ next: ops.add(ops.input('x', [3]), ops.input('y', [3])) }));
    const x = Float32Array.of(1, 2, 3);
    const y = Float32Array.of(10, 20, 30);
    for (let k = 0; k < 2; k++) await step.run({ x, y }, { next: x });
    assert.deepEqual([...x], [21, 42, 63]);
  });

  it('adds up gradients: one flat vector in the given order', async () => {
    const build = (ops: Parameters<Parameters<typeof compile>[0]>[0]) => {
      const [a, b] = [ops.parameter('a', [2]), ops.parameter('b', [1])];
      return { loss: ops.sum(ops.mul(ops.mul(a, b), ops.input('x', [2]))) };
    };
    const training = await session(build, { gradients: 'accumulate', parameters: ['b', 'a'] });
    const gradients = Float32Array.of(100, 100, 100);
    const feeds = { a: Float32Array.of(2, 3), b: Float32Array.of(5), x: Float32Array.of(1, 10) };
    for (let k = 0; k < 2; k++) await training.run({ ...feeds, accumulated: gradients }, { gradients });
    assert.deepEqual([...gradients], [100 + 2 * 32, 100 + 2 * 5, 100 + 2 * 50]);
    const each = await session(build, { gradients: 'each' });
    const { 'gradient/a': a, 'gradient/b': b } = await each.run(feeds);
    assert.deepEqual([[...a.data], [...b.data]], [[5, 50], [32]]);
  });

  it('gives zeros for a parameter that the loss does not reach', async () => {
    const training = await session(
      (ops) => {
        return { loss: ops.sum(ops.parameter('near', [2])), other: ops.exp(ops.parameter('far', [2])) };
      },
      { gradients: 'each' },
    );
    const outputs = await training.run({ far: new Float32Array(2), near: new Float32Array(2) });
    assert.deepEqual([...outputs['gradient/far'].data], [0, 0]);
  });
});

describe('the sessions of a model', () => {
  const build = (ops: Parameters<Parameters<typeof compile>[0]>[0]) => ({ y: ops.exp(ops.input('x', [1])) });

  it('are kept by key, and closed when there is no room: the largest first, of equal ones the longest unused', async () => {
    const model = new Model(tinyModel(), { sessionBytes: 100 });
    let built = 0;
    const open = (key: string, bytes: number) =>
      model.session(key, bytes, (ops) => {
        built++;
        return build(ops);
      });
    const first = await open('a', 40);
    await open('b', 40);
    assert.equal(await open('a', 40), first);
    assert.equal(built, 2);
    await open('c', 40); // b goes
    assert.equal(await open('a', 40), first);
    assert.equal(built, 3);
    await open('b', 40); // c goes
    assert.equal(built, 4);
    assert.equal(await open('a', 40), first);
    await open('large', 1000); // alone, but it is opened
    await open('a', 40);
    assert.equal(built, 6);
    await open('b', 60);
    const kept = await open('a', 40);
    await open('c', 60); // b goes, though a was used earlier
    assert.equal(await open('a', 40), kept);
    assert.equal(built, 8);
    await model.release();
  });
});
