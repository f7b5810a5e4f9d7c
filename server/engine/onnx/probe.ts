// A process of its own: `node probe.js DEVICE` computes a product and a training step on the device and on the CPU, and
// prints as JSON whether they agree, and how fast each is. A driver that crashes ends this process alone.
import type { OpBuilder, Tensor } from '../../../models/ops.ts';
import type { DeviceName } from '../../protocol/types.ts';
import type { Build, CompileOptions, Feeds, Runtime } from '../runtime.ts';
import { runtimeOn } from './device.ts';
import { WebGpuRuntime } from './webgpu/runtime.ts';

/** Rows and columns of the product whose speed is measured. */
const size = 256;
/** max|a − b| / max|b| of what the device may differ by. */
const tolerance = 1e-3;

const small = 32;
const vocabulary = 48;

/** A LoRA layer under a language-model head: what a training step is made of. */
function trainingStep(ops: OpBuilder): Record<string, Tensor> {
  const x = ops.input('x', [small, small]);
  const hidden = ops.silu(ops.add(ops.frozenLinear(x, ops.weight('w', [small, small])), adapted(ops, x)));
  const normed = ops.rmsNorm(hidden, ops.input('gain', [small]), 1e-5);
  const places = ops.gatherRows(normed, ops.input('index', [small], 'int32'));
  const target = ops.input('index', [small], 'int32');
  const logps = ops.tokenLogProbability(places, ops.weight('e', [vocabulary, small]), target, ops.input('one', []));
  return { loss: ops.neg(ops.mean(logps)) };
}

function adapted(ops: OpBuilder, x: Tensor): Tensor {
  const [a, b] = [ops.parameter('a', [4, small]), ops.parameter('b', [small, 4])];
  return ops.matMul(ops.matMul(x, ops.transpose(a, [1, 0])), ops.transpose(b, [1, 0]));
}

const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, k) => Math.sin((k + 1) * 12.9898 + seed * 78.233));

async function compute(runtime: Runtime, build: Build, feeds: Feeds, options?: CompileOptions): Promise<number[]> {
  const session = await runtime.compile(build, options);
  const outputs = await session.run(feeds);
  await session.release();
  return Object.keys(outputs)
    .sort()
    .flatMap((name) => [...outputs[name].data]);
}

/** Billions of floating-point operations a second, of a product of two squares that lie on the device. */
async function rate(runtime: Runtime): Promise<number> {
  const square = noise(size * size, 5);
  runtime.memory?.keep([square]);
  const session = await runtime.compile((ops) => {
    let x: Tensor = ops.frozenLinear(ops.input('x', [size, size]), ops.weight('w', [size, size]));
    for (let k = 0; k < 3; k++) x = ops.frozenLinear(ops.mul(x, 1 / size), ops.weight('w', [size, size]));
    return { total: ops.sum(x) };
  });
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 2; attempt++) {
    const began = performance.now();
    await session.run({ x: square, w: square });
    best = Math.min(best, performance.now() - began);
  }
  await session.release();
  return (4 * 2 * size ** 3) / best / 1e6;
}

/** Of buffers in doublings up to 4 GiB, bytes of the largest that could be had and of the smallest that could not; a slow device is not asked for more. */
async function bufferLimits({ memory }: WebGpuRuntime): Promise<{ bufferLimit?: number; bufferRefused?: number }> {
  let largest: number | undefined;
  for (let entries = 2 ** 25; entries <= 2 ** 30; entries *= 2) {
    const began = performance.now();
    try {
      (await memory.buffers.zeros(entries)).dispose();
    } catch {
      return { bufferLimit: largest, bufferRefused: 4 * entries };
    }
    largest = 4 * entries;
    if (performance.now() - began > 1000) break;
  }
  return { bufferLimit: largest };
}

function difference(a: readonly number[], b: readonly number[]): number {
  const scale = Math.max(...b.map(Math.abs), 1e-30);
  const far = a.map((value, k) => Math.abs(value - b[k]) / scale);
  return far.some(Number.isNaN) || a.length !== b.length ? Number.POSITIVE_INFINITY : Math.max(...far);
}

/** onnxruntime puts the place in its sources first. */
function reasonOf({ message }: Error): string {
  const [line] = message.split('\n');
  return (line.split(' was false. ').at(-1) ?? line).slice(0, 200);
}

async function probe(device: DeviceName) {
  const [runtime, cpu] = [runtimeOn(device), runtimeOn('cpu')];
  const product: Build = (ops) => ({ y: ops.matMul(ops.input('p', [small, small]), ops.input('x', [small, small])) });
  const feeds = {
    x: noise(small * small, 1),
    p: noise(small * small, 2),
    w: noise(small * small, 3),
    e: noise(vocabulary * small, 4),
    a: noise(4 * small, 6),
    b: noise(4 * small, 7),
    gain: new Float32Array(small).fill(1),
    index: Int32Array.from({ length: small }, (_, k) => (k * 7) % small),
    one: Float32Array.of(1),
  };
  for (const [what, build, options] of [
    ['a product', product, {}],
    ['a training step', trainingStep, { gradients: 'each' }],
  ] as const) {
    const off = difference(await compute(runtime, build, feeds, options), await compute(cpu, build, feeds, options));
    if (!(off <= tolerance))
      return { ok: false, reason: `${what} differs from the processor's by ${off.toPrecision(2)}` };
  }
  const rates = { device: await rate(runtime), cpu: await rate(cpu) };
  return { ok: true, rates, ...(runtime instanceof WebGpuRuntime && (await bufferLimits(runtime))) };
}

const device = process.argv[2] as DeviceName;
const result = await probe(device).catch((error: Error) => ({ ok: false, reason: reasonOf(error) }));
process.stdout.write(JSON.stringify(result), () => process.exit(0));
