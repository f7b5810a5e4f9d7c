import assert from 'node:assert/strict';
import { createTimeLeft } from '../../../server/jobs/timeLeft.ts';

describe('time left', () => {
  let clock = 0;
  const at = (seconds: number) => {
    clock = seconds * 1000;
  };
  const start = (...weights: number[]) => {
    clock = 0;
    return createTimeLeft(
      weights.map((weight, k) => ({ name: `part${k}`, weight })),
      () => clock,
    );
  };

  it('is not known before anything moved', () => {
    const left = start(1, 3);
    assert.equal(left.secondsLeft(), undefined);
    left.begin('part0');
    left.update(0.5);
    assert.equal(left.secondsLeft(), undefined);
    at(10);
    left.update(0);
    assert.equal(left.secondsLeft(), undefined);
  });

  it('counts the parts to come by their weight', () => {
    const left = start(1, 3);
    left.begin('part0');
    at(10);
    left.update(0.5);
    assert.equal(left.secondsLeft(), 10 + 60);
    at(20);
    left.begin('part1');
    assert.equal(left.secondsLeft(), 60);
    at(50);
    left.update(0.25);
    // This part is slower than its weight said.
    assert.equal(left.secondsLeft(), 90);
  });

  it('a part that is gone on with shows its pace from where it stood', () => {
    const left = start(1, 1);
    left.begin('part0', 0.5);
    at(10);
    left.update(0.75);
    assert.equal(left.secondsLeft(), 10 + 40);
  });
});
