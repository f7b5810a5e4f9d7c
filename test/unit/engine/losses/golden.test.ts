import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpBuilder, Tensor } from '../../../../models/ops.ts';
import { clippedPolicyLoss, clippedValueLoss } from '../../../../server/engine/losses/ppo.ts';
import { bradleyTerryLoss, centringLoss } from '../../../../server/engine/losses/reward.ts';
import { compile } from '../../../../server/engine/onnx/program.ts';
import { adamwStep, adamwStepEpsilonHat } from '../../../../server/engine/optim/adamw.ts';
import { clipFactor, globalNorm } from '../../../../server/engine/optim/clip.ts';
import type { Feeds } from '../../../../server/engine/runtime.ts';
import { packageRoot } from '../../../../server/paths.ts';

// Losses and the optimiser step against values from torch (test/support/golden/README.md).

type Nested = number | readonly Nested[];
type Table = readonly (readonly number[])[];
interface ClipCase {
  readonly clip: number;
  readonly loss: number;
  readonly gradient: Table;
  readonly clipFraction: number;
}
interface Golden {
  readonly bradleyTerry: readonly {
    readonly name: string;
    readonly chosen: readonly number[];
    readonly rejected: readonly number[];
    readonly margin: readonly number[];
    readonly centring: number;
    readonly loss: number;
    readonly chosenGradient: readonly number[];
    readonly rejectedGradient: readonly number[];
  }[];
  readonly policy: {
    readonly logps: Table;
    readonly oldLogps: Table;
    readonly advantages: Table;
    readonly mask: Table;
    readonly cases: readonly (ClipCase & { readonly approximateKl: number; readonly meanRatio: number })[];
  };
  readonly value: {
    readonly values: Table;
    readonly oldValues: Table;
    readonly returns: Table;
    readonly mask: Table;
    readonly cases: readonly ClipCase[];
  };
  readonly adamw: {
    readonly initial: Readonly<Record<string, Nested>>;
    readonly gradients: readonly Readonly<Record<string, Nested>>[];
    readonly maxNorm: number;
    readonly norms: readonly number[];
    readonly clipped: readonly Readonly<Record<string, Nested>>[];
    readonly cases: readonly {
      readonly form: 'pytorch' | 'tensorflow';
      readonly epsilon: number;
      readonly learningRate: number;
      readonly weightDecay: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly parameters: readonly Readonly<Record<string, Nested>>[];
    }[];
  };
}

const golden = JSON.parse(readFileSync(join(packageRoot(), 'test/support/golden/losses.json'), 'utf8')) as Golden;

describe('losses and AdamW, golden values of torch', () => {
  for (const { name, chosen, rejected, margin, centring, ...expected } of golden.bradleyTerry) {
    it(`Bradley–Terry loss, ${name}`, async () => {
      const count = chosen.length;
      const build = (ops: OpBuilder) => {
        const pair = { chosen: ops.parameter('chosen', [count]), rejected: ops.parameter('rejected', [count]) };
        const weights = ops.constant(chosen.map(() => 1 / count));
        const likelihood = bradleyTerryLoss(ops, { ...pair, margins: ops.input('margins', [count]), weights });
        return { loss: ops.add(likelihood, ops.mul(centringLoss(ops, { ...pair, weights }), centring)) };
      };
      const out = await run(build, { chosen: flat(chosen), rejected: flat(rejected), margins: flat(margin) }, true);
      assertClose(out.loss, expected.loss, 'loss');
      assertClose(out['gradient/chosen'], expected.chosenGradient, 'gradient of chosen');
      assertClose(out['gradient/rejected'], expected.rejectedGradient, 'gradient of rejected');
    });
  }

  for (const { clip, ...expected } of golden.policy.cases) {
    it(`clipped policy loss, range ${clip}`, async () => {
      const { logps, oldLogps, advantages, mask } = golden.policy;
      const build = (ops: OpBuilder) => {
        const inputs = vectors(ops, ['oldLogps', 'advantages', 'weights'], flat(logps).length);
        return clippedPolicyLoss(ops, { ...inputs, logps: ops.parameter('logps', [flat(logps).length]) }, clip);
      };
      const feeds = {
        logps: flat(logps),
        oldLogps: flat(oldLogps),
        advantages: flat(advantages),
        weights: weights(mask),
      };
      const out = await run(build, feeds, true);
      assertClose(out.loss, expected.loss, 'loss');
      assertClose(out['gradient/logps'], expected.gradient, 'gradient');
      assertClose(out.clipFraction, expected.clipFraction, 'clip fraction');
      assertClose(out.approximateKl, expected.approximateKl, 'approximate KL');
      assertClose(out.ratio, expected.meanRatio, 'ratio');
    });
  }

  for (const { clip, ...expected } of golden.value.cases) {
    it(`clipped value loss, range ${clip}`, async () => {
      const { values, oldValues, returns, mask } = golden.value;
      const build = (ops: OpBuilder) => {
        const inputs = vectors(ops, ['oldValues', 'returns', 'weights'], flat(values).length);
        return clippedValueLoss(ops, { ...inputs, values: ops.parameter('values', [flat(values).length]) }, clip);
      };
      const feeds = {
        values: flat(values),
        oldValues: flat(oldValues),
        returns: flat(returns),
        weights: weights(mask),
      };
      const out = await run(build, feeds, true);
      assertClose(out.loss, expected.loss, 'loss');
      assertClose(out['gradient/values'], expected.gradient, 'gradient');
      assertClose(out.clipFraction, expected.clipFraction, 'clip fraction');
    });
  }

  it('clips by the global norm as clip_grad_norm_ does', async () => {
    const { gradients, clipped, norms, maxNorm } = golden.adamw;
    for (const [k, step] of gradients.entries()) {
      const sizes = Object.entries(step).map(([name, value]) => [name, flat(value).length] as const);
      const build = (ops: OpBuilder) => {
        const inputs = sizes.map(([name, size]) => [name, ops.input(name, [size])] as const);
        const norm = globalNorm(
          ops,
          inputs.map(([, gradient]) => gradient),
        );
        const factor = clipFactor(ops, norm, maxNorm);
        return {
          norm,
          ...Object.fromEntries(inputs.map(([name, gradient]) => [`${name}/clipped`, ops.mul(gradient, factor)])),
        };
      };
      const out = await run(
        build,
        Object.fromEntries(Object.entries(step).map(([name, value]) => [name, flat(value)])),
      );
      assertClose(out.norm, norms[k], `norm at step ${k + 1}`);
      for (const [name, value] of Object.entries(clipped[k])) assertClose(out[`${name}/clipped`], value, name);
    }
  });

  for (const { form, parameters, learningRate, ...options } of golden.adamw.cases) {
    it(`five steps of AdamW, ${form} form, epsilon ${options.epsilon}`, async () => {
      const update = form === 'pytorch' ? adamwStep : adamwStepEpsilonHat;
      for (const [name, initial] of Object.entries(golden.adamw.initial)) {
        const size = flat(initial).length;
        let state: Record<string, Float32Array> = {
          parameter: flat(initial),
          first: new Float32Array(size),
          second: new Float32Array(size),
        };
        for (const [k, clipped] of golden.adamw.clipped.entries()) {
          const build = (ops: OpBuilder): Record<string, Tensor> => {
            const moments = vectors(ops, ['parameter', 'gradient', 'first', 'second'], size);
            const rates = {
              learningRate: ops.input('rate', []),
              correction1: ops.input('correction1', []),
              correction2: ops.input('correction2', []),
            };
            const next = update(ops, moments, rates, options);
            return { newParameter: next.parameter, newFirst: next.first, newSecond: next.second };
          };
          const scalars = {
            rate: learningRate,
            correction1: 1 - options.beta1 ** (k + 1),
            correction2: 1 - options.beta2 ** (k + 1),
          };
          const fed = Object.entries(scalars).map(([key, value]) => [key, Float32Array.of(value)]);
          const out = await run(build, { ...state, gradient: flat(clipped[name]), ...Object.fromEntries(fed) });
          state = { parameter: out.newParameter, first: out.newFirst, second: out.newSecond };
          assertClose(state.parameter, parameters[k][name], `${name} after step ${k + 1}`);
        }
      }
    });
  }
});

function vectors<Name extends string>(ops: OpBuilder, names: readonly Name[], size: number): Record<Name, Tensor> {
  return Object.fromEntries(names.map((name) => [name, ops.input(name, [size])])) as Record<Name, Tensor>;
}

function flat(values: Nested): Float32Array {
  return Float32Array.from([values].flat(3) as number[]);
}

/** Weights that make a sum over the mask a mean. */
function weights(mask: Table): Float32Array {
  const entries = mask.flat();
  const count = entries.reduce((sum, entry) => sum + entry, 0);
  return Float32Array.from(entries, (entry) => entry / count);
}

async function run(
  build: (ops: OpBuilder) => Record<string, Tensor>,
  feeds: Feeds,
  differentiate = false,
): Promise<Record<string, Float32Array>> {
  const session = await compile(build, differentiate ? { gradients: 'each' } : {});
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}

/** Within 2e-6 of the largest expected value: a few roundings of float32. */
function assertClose(found: Float32Array, expected: Nested, what: string): void {
  const values = [expected].flat(3) as number[];
  assert.equal(found.length, values.length, what);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = values.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k])), 0); // NaN stays NaN
  assert.ok(worst <= 2e-6 * largest, `${what}: off by ${worst / largest} of the largest; 2e-6 is allowed`);
}
