import assert from 'node:assert/strict';
import type { OpBuilder } from '../../models/ops.ts';
import { compile } from '../../server/engine/onnx/program.ts';
import { largestInt8 } from '../../server/engine/onnx/sessions.ts';
import { Int8Weights } from '../../server/engine/weights/int8.ts';
import { random } from '../support/reference/random.ts';

const [rows, inner, out] = [37, 96, 50];

// One row of zeros, and one that is a thousand times larger than the others: each has its own scale.
const x = Float32Array.from(random([rows, inner], 1).data, (value, k) => {
  const row = Math.floor(k / inner);
  return row === 3 ? 0 : row === 5 ? 1000 * value : value;
});
const weight = { shape: [out, inner], data: Float32Array.from(random([out, inner], 2).data) };
const slope = Float32Array.from(random([rows, out], 3).data);

async function evaluate(build: (ops: OpBuilder) => ReturnType<OpBuilder['sum']>) {
  const session = await compile(
    (ops) => {
      const y = build(ops);
      return { y, loss: ops.sum(ops.mul(y, ops.input('slope', [rows, out]))) };
    },
    { gradients: 'each', precision: 'int8-base' },
  );
  const int8 = new Int8Weights(new Map([['w', weight]]), await largestInt8());
  const outputs = await session.run({ x, slope, ...int8.feedsFor(session.inputs.keys()) });
  await session.release();
  return { outputs, inputs: [...session.inputs.keys()] };
}

/**
 * Holds a product a [M, K] · b [K, N] to the bound of two rounded factors: with steps s of a row of a and t of a column of
 * b, |error| ≤ Σ_k (|a| t/2 + |b| s/2 + s t/4).
 */
function assertWithinBound(
  found: ArrayLike<number>,
  [a, b]: readonly [(m: number, k: number) => number, (k: number, n: number) => number],
  [M, K, N]: readonly [number, number, number],
  largest: number,
): void {
  const range = (count: number) => Array.from({ length: count }, (_, k) => k);
  const largestOf = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const rowSteps = range(M).map((m) => largestOf(range(K).map((k) => a(m, k))) / 127);
  const columnSteps = range(N).map((n) => largestOf(range(K).map((k) => b(k, n))) / largest);
  let used = 0;
  for (const m of range(M)) {
    for (const n of range(N)) {
      let [exact, bound] = [0, 0];
      for (const k of range(K)) {
        exact += a(m, k) * b(k, n);
        bound +=
          Math.abs(a(m, k)) * columnSteps[n] + Math.abs(b(k, n)) * rowSteps[m] + (rowSteps[m] * columnSteps[n]) / 2;
      }
      const error = Math.abs(found[m * N + n] - exact);
      assert.ok(
        error <= (bound / 2) * 1.001 + 1e-6,
        `[${m}, ${n}]: ${found[m * N + n]} for ${exact}, bound ${bound / 2}`,
      );
      used = Math.max(used, bound === 0 ? 0 : error / bound);
    }
  }
  // Products of bytes, not of numbers: the errors are there, and of the size expected.
  assert.ok(used > 0.005, `errors are at most ${used} of their bound: was anything rounded?`);
}

describe('products of bytes', () => {
  const W = (n: number, k: number) => weight.data[n * inner + k];

  it('give x Wᵀ and dy W within the bound of their rounding, judged in Float64', async () => {
    const { outputs, inputs } = await evaluate((ops) =>
      ops.frozenLinear(ops.parameter('x', [rows, inner]), ops.weight('w', [out, inner])),
    );
    assert.deepEqual(inputs.sort(), [
      'slope',
      'w.int8.adjoint',
      'w.int8.adjoint.scales',
      'w.int8.forward',
      'w.int8.forward.scales',
      'x',
    ]);
    const largest = await largestInt8();
    const forward = [(m: number, k: number) => x[m * inner + k], (k: number, n: number) => W(n, k)] as const;
    assertWithinBound(outputs.y.data, forward, [rows, inner, out], largest);
    const adjoint = [(m: number, n: number) => slope[m * out + n], W] as const;
    assertWithinBound(outputs['gradient/x'].data, adjoint, [rows, out, inner], largest);
  });

  it('are exact where everything is a whole number within the range', async () => {
    // Every row and every column reaches its largest magnitude, so that all scales are 1.
    const largest = await largestInt8();
    const whole = Float32Array.from({ length: 2 * 4 }, (_, k) => [127, -3, 0, 50, -127, 9, 127, 1][k]);
    const matrix = {
      shape: [3, 4],
      data: Float32Array.of(largest, 1, 2, 3, -largest, -1, 0, 7, largest, -largest, 5, 2),
    };
    const session = await compile((ops) => ({ y: ops.frozenLinear(ops.input('x', [2, 4]), ops.weight('w', [3, 4])) }), {
      precision: 'int8-base',
    });
    const { y } = await session.run({
      x: whole,
      ...new Int8Weights(new Map([['w', matrix]]), largest).feedsFor(session.inputs.keys()),
    });
    await session.release();
    const expected = [0, 1].flatMap((m) =>
      [0, 1, 2].map((n) => [0, 1, 2, 3].reduce((sum, k) => sum + whole[m * 4 + k] * matrix.data[n * 4 + k], 0)),
    );
    for (const [k, value] of expected.entries()) {
      assert.ok(Math.abs(y.data[k] - value) <= Math.abs(value) * 1e-6, `${y.data[k]} for ${value}`);
    }
  });

  it('are not cut where all factors are as large as they get', async () => {
    const size = 256;
    const session = await compile(
      (ops) => ({ y: ops.frozenLinear(ops.input('x', [2, size]), ops.weight('w', [1, size])) }),
      { precision: 'int8-base' },
    );
    const ones = { shape: [1, size], data: new Float32Array(size).fill(1) };
    const int8 = new Int8Weights(new Map([['w', ones]]), await largestInt8());
    const { y } = await session.run({ x: new Float32Array(2 * size).fill(1), ...int8.feedsFor(session.inputs.keys()) });
    await session.release();
    for (const value of y.data) assert.ok(Math.abs(value - size) < 1e-3, `${value} for ${size}`);
  });
});
