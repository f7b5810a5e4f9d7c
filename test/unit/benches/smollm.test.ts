import assert from 'node:assert/strict';
import { median } from '../../../scripts/benches/support/figures.ts';
import { shape, stepGigaflops, tokenGigaflops } from '../../../scripts/benches/support/smollm.ts';

describe('bench smollm', () => {
  it('counts the work of a training step and of a decoded token', () => {
    // By hand: 30 layers of 3,538,944 weights in projections and 162,816 in rank-16 adapters; V·D = 28,311,552.
    const perToken = 4 * 106_168_320 + 6 * 4_884_480 + 12 * 128 * 576 * 30;
    assert.equal(stepGigaflops(shape, 1024, 128, 1016), (1024 * perToken + 4 * 1016 * 28_311_552) / 1e9);
    assert.equal(tokenGigaflops(shape), (2 * (106_168_320 + 28_311_552)) / 1e9);
  });

  it('takes the median of an even number of values between the middle two', () => {
    assert.equal(median([9, 1, 4]), 4);
    assert.equal(median([9, 1, 4, 5]), 4.5);
  });
});
