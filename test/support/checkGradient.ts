import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { onnx } from '../../server/engine/onnx/program.ts';
import type { Runtime } from '../../server/engine/runtime.ts';
import { relativeError } from './close.ts';
import { random, randomNumbers } from './reference/random.ts';
import { type Feed, type Leaf, ReferenceBuilder, valueOf } from './reference.ts';
import { tensorflow } from './tensorflow.ts';

export type Build = (ops: OpBuilder) => Tensor;
export type Feeds = Readonly<Record<string, Feed>>;
type TypedFeeds = Record<string, Float32Array | Int32Array>;

/** Whatever claims to compute what an OpBuilder says. */
export interface Engine {
  /** The outputs, and for every parameter `gradient/<name>` of the scalar output `loss` where it exists. */
  evaluate(build: (ops: OpBuilder) => Record<string, Tensor>, feeds: TypedFeeds): Promise<Record<string, Feed>>;
}

export const engines: Readonly<Record<string, Engine>> = {
  onnx: engineOf(onnx),
  tensorflow: engineOf(tensorflow),
};

function engineOf(runtime: Runtime): Engine {
  return {
    async evaluate(build, feeds) {
      const program = await runtime.compile(build, { gradients: 'each' });
      try {
        return await program.run(feeds);
      } finally {
        await program.release();
      }
    },
  };
}

export interface CheckOptions {
  /** Judge only so many random entries of each parameter; all when absent. */
  readonly entries?: number;
  /** Judge so many derivatives along random directions in each parameter, each alone. Default 0. */
  readonly directions?: number;
  /** The largest max|a − b| / max|b| of gradients. Default 1e-4. */
  readonly tolerance?: number;
  /** The largest max|a − b| / max|b| of values. Default 1e-5. */
  readonly forwardTolerance?: number;
  /** Which engines are judged; all of them when absent. */
  readonly engines?: Readonly<Record<string, Engine>>;
}

/** What was measured, by engine. */
export type Errors = Record<string, { value: number; gradients: Record<string, number> }>;

/**
 * Compares every engine with the Float64 reference: the values of `build`, and for every parameter the gradient of a
 * fixed random weighting of those values with central differences. Throws an AssertionError that names engine and
 * parameter; returns the errors found.
 */
export async function checkGradient(build: Build, feeds: Feeds, options: CheckOptions = {}): Promise<Errors> {
  const rounded = roundFeeds(feeds);
  const weighted = (ops: OpBuilder) => weigh(ops, build(ops));
  const base = new ReferenceBuilder(rounded);
  const expected = valueOf(weighted(base).checked);
  const loss = (changed: Feeds) =>
    valueOf(weighted(new ReferenceBuilder({ ...rounded, ...changed }, { stopped: base.stopped })).loss).data[0];
  const parameters = [...base.leaves].filter(([, { kind }]) => kind === 'parameter').map(([name]) => name);
  const judged = parameters.map((name) => ({ name, probes: differentiate(name, rounded[name], loss, options) }));

  const errors: Errors = {};
  for (const [engine, { evaluate }] of Object.entries(options.engines ?? engines)) {
    const outputs = await evaluate(weighted, typedFeeds(rounded, base.leaves));
    assert.deepEqual([...outputs.checked.shape], [...expected.shape], `${engine}: shape of the value`);
    const value = relativeError(outputs.checked.data, expected.data);
    assertBelow(value, options.forwardTolerance ?? 1e-5, `${engine}: value`);
    const gradients: Record<string, number> = {};
    for (const { name, probes } of judged) {
      const gradient = outputs[`gradient/${name}`];
      assert.ok(gradient !== undefined, `${engine}: there is no gradient of ${name}`);
      assert.deepEqual([...gradient.shape], [...rounded[name].shape], `${engine}: shape of the gradient of ${name}`);
      const found = probes.map(({ directions, slopes }) =>
        relativeError(
          directions.map((direction) => along(gradient.data, direction)),
          slopes,
        ),
      );
      gradients[name] = Math.max(...found);
      assertBelow(gradients[name], options.tolerance ?? 1e-4, `${engine}: gradient of ${name}`);
    }
    errors[engine] = { value, gradients };
  }
  return errors;
}

/** The values and gradients of one engine, for tests that know what to expect. */
export async function gradientsOf(engine: Engine, build: Build, feeds: Feeds): Promise<Record<string, Feed>> {
  const rounded = roundFeeds(feeds);
  const base = new ReferenceBuilder(rounded);
  build(base);
  return engine.evaluate((ops) => ({ loss: ops.sum(build(ops)) }), typedFeeds(rounded, base.leaves));
}

/** Entry and amount of each change: a direction in the space of one parameter. */
type Direction = readonly (readonly [entry: number, amount: number])[];

function along(gradient: ArrayLike<number>, direction: Direction): number {
  return direction.reduce((sum, [entry, amount]) => sum + gradient[entry] * amount, 0);
}

interface Probe {
  readonly directions: readonly Direction[];
  /** The central difference along each direction. */
  readonly slopes: readonly number[];
}

/** Central differences of the loss in one parameter: of its entries, and along random directions, each judged alone. */
function differentiate(name: string, feed: Feed, loss: (changed: Feeds) => number, options: CheckOptions): Probe[] {
  const slope = (direction: Direction) => {
    const largest = direction.reduce((most, [entry]) => Math.max(most, Math.abs(feed.data[entry])), 1);
    const step = 1e-5 * largest;
    const shifted = (distance: number) => {
      const data = Float64Array.from(feed.data);
      for (const [entry, amount] of direction) data[entry] += distance * amount;
      return loss({ [name]: { shape: feed.shape, data } });
    };
    return (shifted(step) - shifted(-step)) / (2 * step);
  };
  const next = randomNumbers(
    [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, feed.data.length),
  );
  const entries = chooseEntries(feed.data.length, options.entries, next);
  const probe = (directions: readonly Direction[]) => ({ directions, slopes: directions.map(slope) });
  const mixed = Array.from({ length: options.directions ?? 0 }, () => {
    // Along some directions the entries all but cancel, and what is left is float32's rounding. So three are drawn, and
    // the one is judged along which the reference (never the engine) changes most.
    const draws = [1, 2, 3].map(() => probe([Array.from(feed.data, (_, entry) => [entry, 2 * next() - 1] as const)]));
    return draws.reduce((a, b) => (Math.abs(b.slopes[0]) > Math.abs(a.slopes[0]) ? b : a));
  });
  return [probe(entries), ...mixed];
}

/** So many different entries, each a direction of its own: the head of a Fisher–Yates shuffle. */
function chooseEntries(size: number, limit: number | undefined, next: () => number): Direction[] {
  const entries = Array.from({ length: size }, (_, entry) => entry);
  const count = Math.min(limit ?? size, size);
  for (let k = 0; k < count && count < size; k++) {
    const other = k + Math.floor(next() * (size - k));
    [entries[k], entries[other]] = [entries[other], entries[k]];
  }
  return entries.slice(0, count).map((entry) => [[entry, 1]]);
}

/** The values, as numbers, and the scalar that gradients are taken of. */
function weigh(ops: OpBuilder, result: Tensor): { checked: Tensor; loss: Tensor } {
  const checked = result.dtype === 'float32' ? result : ops.toFloat(result);
  const shape = checked.shape as readonly number[];
  const weights = random(shape, 20, 0.5, 1.5);
  const signed = Array.from(weights.data, (weight, entry) => (entry % 3 === 1 ? -weight : weight));
  return { checked, loss: ops.sum(ops.mul(checked, ops.constant(signed, shape))) };
}

/** Both sides must see the same numbers, so the reference starts from what float32 can hold. */
function roundFeeds(feeds: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float64Array.from(data, Math.fround) },
    ]),
  );
}

function typedFeeds(feeds: Feeds, leaves: ReadonlyMap<string, Leaf>): TypedFeeds {
  return Object.fromEntries(
    [...leaves].map(([name, { dtype }]) => {
      const { data } = feeds[name];
      return [name, dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data)];
    }),
  );
}

function assertBelow(error: number, bar: number, what: string): void {
  assert.ok(error <= bar, `${what} is off by ${error.toExponential(2)}, more than ${bar}`);
}
