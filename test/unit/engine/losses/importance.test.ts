import assert from 'node:assert/strict';
import { truncatedImportance } from '../../../../server/engine/losses/importance.ts';
import { assertClose } from '../../../support/close.ts';

describe('truncated importance weights', () => {
  it('is min(cap, π / μ), token by token', () => {
    const weights = truncatedImportance([-1, -2, -3, -0.5], [-1, -2 - Math.log(1.5), -3 - Math.log(5), -0.1], 2);
    assertClose(weights, [1, 1.5, 2, Math.exp(-0.4)], 1e-6);
  });

  it('makes an expectation under the sampler one under min(π, cap · μ)', () => {
    const learner = [0.1, 0.2, 0.3, 0.4];
    const sampler = [0.3, 0.3, 0.3, 0.1];
    const worth = [1, -2, 3, 5];
    const weights = truncatedImportance(learner.map(Math.log), sampler.map(Math.log), 2);
    const corrected = sampler.reduce((sum, p, k) => sum + p * weights[k] * worth[k], 0);
    const bounded = learner.reduce((sum, p, k) => sum + Math.min(p, 2 * sampler[k]) * worth[k], 0);
    assert.ok(Math.abs(corrected - bounded) < 1e-6);
    const free = truncatedImportance(learner.map(Math.log), sampler.map(Math.log), Number.POSITIVE_INFINITY);
    const exact = learner.reduce((sum, p, k) => sum + p * worth[k], 0);
    assert.ok(Math.abs(sampler.reduce((sum, p, k) => sum + p * free[k] * worth[k], 0) - exact) < 1e-6);
  });
});
