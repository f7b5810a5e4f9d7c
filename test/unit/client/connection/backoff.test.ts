import assert from 'node:assert/strict';
import { type Crash, waitBeforeRestart } from '../../../../client/connection/backoff.ts';

/** Crashes this many milliseconds apart. */
const crashes = (count: number, apart: number, wasReady: boolean): Crash[] =>
  Array.from({ length: count }, (_, index) => ({ at: index * apart, wasReady }));

describe('restarts of the server', () => {
  it('the first is at once, the next wait longer', () => {
    const waits = [1, 2, 3, 4].map((count) => waitBeforeRestart(crashes(count, 1000, true)));
    assert.deepEqual(waits, [100, 200, 400, 800]);
    assert.equal(waitBeforeRestart(crashes(12, 1000, true)), 10_000);
  });

  it('what never comes up is given up within seconds', () => {
    assert.equal(waitBeforeRestart(crashes(3, 500, false)), 400);
    assert.equal(waitBeforeRestart(crashes(4, 500, false)), undefined);
  });

  it('a start that worked in between counts anew', () => {
    const mixed = [...crashes(3, 500, false), { at: 2000, wasReady: true }, { at: 2500, wasReady: false }];
    assert.notEqual(waitBeforeRestart(mixed), undefined);
  });

  it('what keeps dying is given up, what dies now and then is not', () => {
    assert.equal(waitBeforeRestart(crashes(15, 1000, true)), undefined);
    assert.equal(waitBeforeRestart(crashes(200, 60_000, true)), 200);
  });
});
