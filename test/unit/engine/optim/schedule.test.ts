import assert from 'node:assert/strict';
import { scheduleFactor } from '../../../../server/engine/optim/schedule.ts';
import { assertClose } from '../../../support/close.ts';

const factors = (...[name, steps, warmup]: [name: 'constant' | 'linear' | 'cosine', steps: number, warmup?: number]) =>
  Array.from({ length: steps }, (_, step) => scheduleFactor(name, step, steps, warmup));

describe('schedules of the learning rate', () => {
  it('constant', () => assert.deepEqual(factors('constant', 3), [1, 1, 1]));
  it('linear: towards 0 after the last step', () => assertClose(factors('linear', 4), [1, 0.75, 0.5, 0.25], 1e-12));
  it('cosine', () => {
    const expected = [0, 1, 2, 3].map((step) => (1 + Math.cos((Math.PI * step) / 4)) / 2);
    assertClose(factors('cosine', 4), expected, 1e-12);
  });
  it('warmup: rises to 1 first, and moves from the first step on', () => {
    assertClose(factors('constant', 4, 2), [0.5, 1, 1, 1], 1e-12);
    assertClose(factors('linear', 6, 2), [0.5, 1, 1, 0.75, 0.5, 0.25], 1e-12);
  });
  it('never below 0, with a warmup longer than the run, or beyond its end', () => {
    assertClose(factors('linear', 2, 4), [0.25, 0.5], 1e-12);
    assert.equal(scheduleFactor('linear', 9, 4), 0);
    assert.ok(Math.abs(scheduleFactor('cosine', 9, 4)) < 1e-12);
  });
});
