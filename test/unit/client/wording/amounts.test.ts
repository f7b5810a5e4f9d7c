import assert from 'node:assert/strict';
import { bytes, oneLine, reward, timeLeft } from '../../../../client/wording/amounts.ts';

describe('amounts', () => {
  const times: [seconds: number | undefined, expected: string][] = [
    [undefined, ''],
    [Number.NaN, ''],
    [Number.POSITIVE_INFINITY, ''],
    [-1, ''],
    [0, 'less than a minute left'],
    [44, 'less than a minute left'],
    [45, '1 min left'],
    [150, '3 min left'],
    [59 * 60, '59 min left'],
    [3600, '1 h left'],
    [4800, '1 h 20 min left'],
    [7199, '2 h left'],
  ];
  for (const [seconds, expected] of times) {
    it(`${seconds} s: "${expected}"`, () => assert.equal(timeLeft(seconds), expected));
  }

  it('bytes are rounded up, so that what is needed is never understated', () => {
    assert.equal(bytes(830_000_001), '831 MB');
    assert.equal(bytes(12_340_000_000), '12.3 GB');
  });

  it('a reward always shows its sign', () => {
    assert.equal(reward(1.834), '+1.83');
    assert.equal(reward(-0.4), '−0.40');
    assert.equal(reward(0), '+0.00');
  });

  it('one line of a text is one line and not longer', () => {
    assert.equal(oneLine('  a\n\tb \r\n c '), 'a b c');
    assert.equal(oneLine('abcdef', 4), 'abc…');
    assert.equal(oneLine('🙂'.repeat(10), 4), '🙂🙂🙂…');
    assert.equal(oneLine(''), '');
    assert.equal([...oneLine('x'.repeat(5_000_000))].length, 120);
    assert.equal(oneLine(`${' '.repeat(1000)}late`, 10), '…');
  });
});
