import assert from 'node:assert/strict';
import { freshOptimiser, Optimiser } from '../../../server/engine/optimiser.ts';
import { assertClose } from '../../support/close.ts';

const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradientNorm: 1e9 };
const one = (size: number) => [{ start: 0, end: size, learningRateFactor: 1 }];

describe('the optimiser', () => {
  const open: Optimiser[] = [];
  const optimiser = (...given: ConstructorParameters<typeof Optimiser>) => {
    open.push(new Optimiser(...given));
    return open.at(-1)!;
  };
  afterEach(async () => {
    for (const each of open.splice(0)) await each.release();
  });

  it('takes AdamW steps in place, t counted from 1', async () => {
    const state = freshOptimiser(Float32Array.of(1, -2, 0.5));
    const adam = optimiser(3, one(3), { ...options, weightDecay: 0.1 });
    const expected = [1, -2, 0.5];
    const [first, second] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    for (let step = 1; step <= 4; step++) {
      const gradient = [0.3 * step, -0.1, 0.02 / step];
      adam.gradients.set(gradient);
      const { norm, applied } = await adam.step(state, 0.01);
      assert.ok(applied);
      assertClose([norm], [Math.hypot(...gradient)], 1e-6);
      for (let k = 0; k < 3; k++) {
        first[k] = 0.9 * first[k] + 0.1 * gradient[k];
        second[k] = 0.999 * second[k] + 0.001 * gradient[k] ** 2;
        const [m, v] = [first[k] / (1 - 0.9 ** step), second[k] / (1 - 0.999 ** step)];
        expected[k] -= 0.01 * 0.1 * expected[k] + (0.01 * m) / (Math.sqrt(v) + 1e-8);
      }
      assertClose(state.parameters, expected, 1e-5, `step ${step}`);
      assert.ok(
        adam.gradients.every((value) => value === 0),
        'gradients are cleared',
      );
    }
    assert.equal(state.updates, 4);
  });

  it('clips by the norm over all groups together', async () => {
    const groups = [
      { start: 0, end: 1, learningRateFactor: 1 },
      { start: 1, end: 2, learningRateFactor: 1 },
    ];
    const state = freshOptimiser(new Float32Array(2));
    const adam = optimiser(2, groups, { ...options, maxGradientNorm: 1 });
    adam.gradients.set([3, 4]);
    const { norm } = await adam.step(state, 0.01);
    assertClose([norm], [5], 1e-6);
    assertClose(state.first, [0.06, 0.08], 1e-5);
  });

  it('leaves short gradients as they are', async () => {
    const state = freshOptimiser(new Float32Array(2));
    const adam = optimiser(2, one(2), { ...options, maxGradientNorm: 10 });
    adam.gradients.set([3, 4]);
    await adam.step(state, 0.01);
    assertClose(state.first, [0.3, 0.4], 1e-6);
  });

  it('gives each group its learning rate', async () => {
    const groups = [
      { start: 0, end: 2, learningRateFactor: 1 },
      { start: 2, end: 3, learningRateFactor: 10 },
    ];
    const state = freshOptimiser(new Float32Array(3));
    const adam = optimiser(3, groups, options);
    adam.gradients.fill(1);
    await adam.step(state, 0.01);
    assertClose(state.parameters, [-0.01, -0.01, -0.1], 1e-5);
  });

  it('has a second form, with epsilon beside the uncorrected root as in TensorFlow', async () => {
    const state = freshOptimiser(new Float32Array(1));
    const adam = optimiser(1, one(1), { ...options, epsilon: 1e-3, epsilonForm: 'tensorflow' });
    adam.gradients.set([0.01]);
    await adam.step(state, 0.01);
    // η √(1−β₂)/(1−β₁) · m / (√v + ε), with m = 0.1 g and v = 0.001 g².
    const root = Math.sqrt(0.001);
    assertClose(state.parameters, [(-0.01 * root * 0.01) / (root * 0.01 + 1e-3)], 1e-4);
  });

  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e30]) {
    it(`changes nothing for a gradient with ${bad}, but halves the learning rate from then on`, async () => {
      const state = freshOptimiser(Float32Array.of(1, 2));
      const adam = optimiser(2, one(2), options);
      adam.gradients.set([bad, 1]);
      const { applied } = await adam.step(state, 0.01);
      assert.equal(applied, false);
      assert.deepEqual([...state.parameters, ...state.first, ...state.second], [1, 2, 0, 0, 0, 0]);
      assert.deepEqual([state.updates, state.learningRateScale, state.skipped], [0, 0.5, 1]);
      assert.ok(
        adam.gradients.every((value) => value === 0),
        'it does not stay among the gradients',
      );
      adam.gradients.set([1, 1]);
      await adam.step(state, 0.01);
      assertClose(state.parameters, [0.995, 1.995], 1e-5);
    });
  }
});
