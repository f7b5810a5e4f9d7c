import assert from 'node:assert/strict';
import { nextBudget } from '../../../server/scores/scoreQueue.ts';

describe('batches of scores', () => {
  it('grow while they are quick and shrink while they are slow, between one pass and a hundred thousand characters', () => {
    assert.equal(nextBudget(3000, 20), 6000);
    assert.equal(nextBudget(6000, 250), 6000);
    assert.equal(nextBudget(6000, 900), 3000);
    assert.equal(nextBudget(3000, 900), 3000);
    assert.equal(nextBudget(80_000, 1), 100_000);
  });
});
