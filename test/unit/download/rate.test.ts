import assert from 'node:assert/strict';
import { amountText, createMeter } from '../../../server/download/rate.ts';

describe('the pace of a download', () => {
  it('is that of the last seconds, and says what is left', () => {
    let now = 0;
    const pace = createMeter(() => now);
    assert.deepEqual(pace(0, 1000), {});
    for (let second = 1; second <= 20; second++) {
      now = second * 1000;
      const rate = pace(second * 10, 1000);
      assert.equal(rate.perSecond, 10);
      assert.equal(rate.secondsLeft, (1000 - second * 10) / 10);
    }
    for (let second = 21; second <= 30; second++) {
      now = second * 1000;
      pace(200 + (second - 20) * 100, 2000);
    }
    assert.equal(pace(1200, 2000).perSecond, 100);
  });

  it('what an earlier try left is no speed', () => {
    let now = 0;
    const pace = createMeter(() => now);
    pace(500e6, 1e9);
    now = 1000;
    assert.equal(pace(501e6, 1e9).perSecond, 1e6);
  });

  it('in words', () => {
    assert.equal(amountText(212.4e6, 853e6, { perSecond: 12.34e6 }), '212 of 853 MB, 12 MB/s');
    assert.equal(amountText(1.25e6, 5e6, { perSecond: 0.5e6 }), '1.3 of 5.0 MB, 0.5 MB/s');
    assert.equal(amountText(2e6, 0), '2.0 MB');
  });
});
