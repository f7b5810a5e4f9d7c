import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import * as completion from '../../server/engine/losses/completion.ts';
import * as ppo from '../../server/engine/losses/ppo.ts';
import * as reward from '../../server/engine/losses/reward.ts';
import { clipFactor, globalNorm } from '../../server/engine/optim/clip.ts';
import { type Build, checkGradient, type Feeds } from '../support/checkGradient.ts';
import { random } from '../support/reference/random.ts';
import { ReferenceBuilder, valueOf } from '../support/reference.ts';

const vector = (data: readonly number[]) => ({ shape: [data.length], data });
const sum = (entries: readonly number[]) => entries.reduce((total, entry) => total + entry, 0);

/** All scalars of a loss, the loss first, so that the gradient of each is judged. */
function stack(ops: OpBuilder, scalars: Readonly<Record<string, Tensor>>): Tensor {
  return ops.concat(
    Object.values(scalars).map((scalar) => ops.reshape(scalar, [1])),
    0,
  );
}

interface LossCase {
  readonly build: Build;
  readonly feeds: Feeds;
  /** The values by a formula written independently. */
  readonly expected: readonly number[];
}

const weights = vector([0.3, 0.2, 0, 0.1, 0.25, 0.15]);
const w = weights.data;

const logps = vector([-1, -2.5, -0.3, -4, -0.01, -3]);

// ρ below, inside and above 1 ± 0.2, each with an advantage of either sign.
const logRatios = [-0.5, -0.4, 0.05, -0.1, 0.4, 0.6];
const advantages = vector([1.5, -1, 2, -0.5, 1, -2]);
const oldLogps = vector(logps.data.map((logp, k) => logp - logRatios[k]));

function policyExpected(): number[] {
  const ratios = logRatios.map(Math.exp);
  const clip = (ratio: number) => (ratio < 0.8 ? 0.8 : ratio > 1.2 ? 1.2 : ratio);
  const gains = ratios.map((ratio, k) => [ratio * advantages.data[k], clip(ratio) * advantages.data[k]]);
  return [
    -sum(gains.map(([free, bounded], k) => w[k] * (free < bounded ? free : bounded))),
    sum(gains.map(([free, bounded], k) => (bounded < free ? w[k] : 0))),
    sum(ratios.map((ratio, k) => w[k] * ratio)),
    sum(logRatios.map((logRatio, k) => (w[k] * logRatio ** 2) / 2)),
  ];
}

// Moved down, not and up by more or less than 0.2, away from the return and towards it.
const oldValues = vector([0, 0.5, 1, -1, 0.2, 2]);
const moves = [-0.5, 0.5, 0.1, -0.1, -0.4, 0.3];
const values = vector(oldValues.data.map((value, k) => value + moves[k]));
const returns = vector([1, 1.2, 0.5, -2, -1, 1.9]);

function valueExpected(): number[] {
  const clipped = oldValues.data.map((old, k) => old + (moves[k] < -0.2 ? -0.2 : moves[k] > 0.2 ? 0.2 : moves[k]));
  const errors = values.data.map((value, k) => [(value - returns.data[k]) ** 2, (clipped[k] - returns.data[k]) ** 2]);
  return [
    0.5 * sum(errors.map(([free, bounded], k) => w[k] * (free > bounded ? free : bounded))),
    sum(errors.map(([free, bounded], k) => (free < bounded ? w[k] : 0))),
  ];
}

const chosen = vector([1, -2, 0.5, 3, -30, 0]);
const rejected = vector([0.5, -1, 0.5, -4, 20, 10]);
const margins = vector([0, 0.5, 0, 1, 0, 2]);
const gap = chosen.data.map((entry, k) => entry - rejected.data[k] - margins.data[k]);

const six = (ops: OpBuilder, name: string) => ops.parameter(name, [6]);
const fed = (ops: OpBuilder, name: string) => ops.input(name, [6]);

const cases: Readonly<Record<string, LossCase>> = {
  completionLoss: {
    build: (ops) => completion.completionLoss(ops, six(ops, 'logps'), fed(ops, 'weights')),
    feeds: { logps, weights },
    expected: [-sum(logps.data.map((logp, k) => logp * w[k]))],
  },
  clippedPolicyLoss: {
    build: (ops) => {
      const inputs = { logps: six(ops, 'logps'), oldLogps: fed(ops, 'oldLogps'), advantages: fed(ops, 'advantages') };
      const { loss, clipFraction, ratio, approximateKl } = ppo.clippedPolicyLoss(
        ops,
        { ...inputs, weights: fed(ops, 'weights') },
        0.2,
      );
      return stack(ops, { loss, clipFraction, ratio, approximateKl });
    },
    feeds: { logps, oldLogps, advantages, weights },
    expected: policyExpected(),
  },
  clippedValueLoss: {
    build: (ops) => {
      const inputs = { values: six(ops, 'values'), oldValues: fed(ops, 'oldValues'), returns: fed(ops, 'returns') };
      const { loss, clipFraction } = ppo.clippedValueLoss(ops, { ...inputs, weights: fed(ops, 'weights') }, 0.2);
      return stack(ops, { loss, clipFraction });
    },
    feeds: { values, oldValues, returns, weights },
    expected: valueExpected(),
  },
  bradleyTerryLoss: {
    build: (ops) => {
      const rewards = { chosen: six(ops, 'chosen'), rejected: six(ops, 'rejected') };
      return reward.bradleyTerryLoss(ops, { ...rewards, margins: fed(ops, 'margins'), weights: fed(ops, 'weights') });
    },
    feeds: { chosen, rejected, margins, weights },
    expected: [-sum(gap.map((difference, k) => w[k] * Math.log(1 / (1 + Math.exp(-difference)))))],
  },
  centringLoss: {
    build: (ops) => {
      const rewards = { chosen: six(ops, 'chosen'), rejected: six(ops, 'rejected') };
      return reward.centringLoss(ops, { ...rewards, weights: fed(ops, 'weights') });
    },
    feeds: { chosen, rejected, weights },
    expected: [sum(chosen.data.map((entry, k) => w[k] * (entry + rejected.data[k]) ** 2))],
  },
};

describe('losses against the Float64 reference', () => {
  for (const [name, { build, feeds, expected }] of Object.entries(cases)) {
    it(name, async () => {
      await checkGradient(build, feeds);
      const { data } = valueOf(build(new ReferenceBuilder(feeds)));
      expected.forEach((value, k) => {
        assert.ok(Math.abs(data[k] - value) < 1e-12, `value ${k}: ${data[k]}, not ${value}`);
      });
    });
  }

  it('has a case for every loss', () => {
    const losses = Object.keys({ ...completion, ...ppo, ...reward });
    assert.deepEqual(
      losses.filter((loss) => !(loss in cases)),
      [],
    );
  });

  it('globalNorm and clipFactor, above and below the limit', async () => {
    const parameters = (ops: OpBuilder) => [ops.parameter('a', [2, 3]), ops.parameter('b', [4])];
    const feeds = { a: random([2, 3], 1), b: random([4], 2) };
    for (const limit of [0.1, 100]) {
      await checkGradient((ops) => clipFactor(ops, globalNorm(ops, parameters(ops)), limit), feeds);
    }
    const norm = Math.hypot(...Array.from(feeds.a.data), ...Array.from(feeds.b.data));
    const reference = new ReferenceBuilder(feeds);
    assert.ok(Math.abs(valueOf(globalNorm(reference, parameters(reference))).data[0] - norm) < 1e-12);
    const small = valueOf(clipFactor(reference, reference.constant(4), 1)).data[0];
    assert.ok(Math.abs(small - 0.25) < 1e-6);
    assert.equal(valueOf(clipFactor(reference, reference.constant(0.5), 1)).data[0], 1);
  });
});

describe('the clipped policy loss', () => {
  it('moves nothing where the ratio is clipped against the advantage, and everything where it is not', async () => {
    const { build, feeds } = cases.clippedPolicyLoss;
    const loss: Build = (ops) => ops.slice(build(ops), 0, 0, 1);
    const at = (k: number, shift: number) => {
      const moved = vector(logps.data.map((logp, other) => (other === k ? logp + shift : logp)));
      return valueOf(loss(new ReferenceBuilder({ ...feeds, logps: moved }))).data[0];
    };
    const moves = logps.data.map((_, k) => Math.abs(at(k, 1e-4) - at(k, -1e-4)) > 1e-9);
    // Below with A > 0: free. Below with A < 0: clipped. Weight 0. Inside. Above with A > 0: clipped. Above, A < 0: free.
    assert.deepEqual(moves, [true, false, false, true, false, true]);
  });
});
