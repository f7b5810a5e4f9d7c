import assert from 'node:assert/strict';
import { distinct2, distinctN } from '../../../server/demo/distinct.ts';

describe('distinct-n', () => {
  const cases: [responses: string[], n: number, expected: number][] = [
    [['a b c'], 2, 1],
    [['a b a b'], 2, 2 / 3],
    [['a b', 'a b'], 2, 1 / 2],
    [['A b', 'a B'], 2, 1 / 2],
    [['a b', 'b c'], 2, 1],
    [['a a a a'], 1, 1 / 4],
    [['a, b'], 2, 1],
    [['a,b'], 2, 1],
    [["don't stop", 'don t stop'], 2, 1],
    [['été été été'], 2, 1 / 2],
    [['a', ''], 2, 0],
    [[], 2, 0],
  ];
  for (const [responses, n, expected] of cases) {
    it(`of ${JSON.stringify(responses)} with n = ${n} is ${expected}`, () => {
      assert.equal(distinctN(responses, n), expected);
    });
  }

  it('does not join one response to the next', () => {
    assert.equal(distinct2(['a b', 'a b', 'c d']), 2 / 3);
  });

  it('refuses an n that is no positive integer', () => {
    for (const n of [0, -1, 1.5, Number.NaN]) assert.throws(() => distinctN(['a b'], n), RangeError);
  });
});
