import assert from 'node:assert/strict';
import { type DrawKey, normal, permutation, uniform } from '../../../server/engine/random.ts';

const key: DrawKey = { seed: 1, purpose: 'sample', step: 2, row: 3 };

describe('counter-based random numbers', () => {
  it('are a function of their key: pinned', () => {
    // A change would make every resumed run differ from what it was.
    const pinned = [0, 1, 2].map((index) => uniform(key, index));
    assert.deepEqual(pinned, [0.20679821766075235, 0.8542233424778812, 0.819998602775325]);
    assert.deepEqual([...permutation(8, { seed: 1, purpose: 'shuffle', step: 0 })], [7, 3, 0, 6, 1, 4, 5, 2]);
  });

  it('differ where any part of the key differs', () => {
    const others: Partial<DrawKey>[] = [
      { seed: 2 },
      { seed: 1 + 2 ** 32 },
      { purpose: 'shuffle' },
      { purpose: 'initialise' },
      { purpose: 'split' },
      { purpose: 'permute' },
      { step: 3 },
      { step: -2 },
      { row: 4 },
    ];
    const draws = [uniform(key), uniform(key, 1), ...others.map((change) => uniform({ ...key, ...change }))];
    assert.equal(new Set(draws).size, draws.length);
  });

  it('fill [0, 1) evenly, without runs from row to row or from index to index', () => {
    const count = 64_000;
    for (const draw of [(k: number) => uniform({ ...key, row: k }), (k: number) => uniform(key, k)]) {
      const bins = new Array(64).fill(0);
      const pairs = new Array(64).fill(0);
      let last = draw(count);
      for (let k = 0; k < count; k++) {
        const value = draw(k);
        assert.ok(value >= 0 && value < 1);
        bins[Math.floor(value * 64)]++;
        pairs[Math.floor(value * 8) * 8 + Math.floor(last * 8)]++;
        last = value;
      }
      for (const counts of [bins, pairs]) {
        const chi = counts.reduce((sum: number, n: number) => sum + (n - count / 64) ** 2 / (count / 64), 0);
        assert.ok(chi < 63 + 4 * Math.sqrt(2 * 63), `χ² ${chi}`);
      }
    }
  });

  it('are Philox 4×32-10', () => {
    // The generator below gives the known answers of Random123; ours gives what it gives.
    assert.deepEqual(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    const answer = [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd];
    assert.deepEqual(philox([ones, ones, ones, ones], [ones, ones]), answer);
    for (const [step, row, index, seed] of [
      [0, 0, 0, 0],
      [5, 70_000, 3, 123_456_789],
      [-1, 2 ** 31, 0, 2 ** 40 + 17],
    ]) {
      const [a, b] = philox([step >>> 0, row, index, 1], [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
      const expected = ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
      assert.equal(uniform({ seed, purpose: 'sample', step, row }, index), expected);
    }
  });

  it('make normal numbers: mean 0, deviation 1, few beyond 3', () => {
    const values = Array.from({ length: 40_000 }, (_, row) => normal({ ...key, row }));
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const beyond = values.filter((value) => Math.abs(value) > 3).length / values.length;
    assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03 && Math.abs(beyond - 0.0027) < 0.001);
  });

  it('make every permutation equally likely', () => {
    const counts = new Map<string, number>();
    for (let step = 0; step < 6000; step++) {
      const order = permutation(3, { seed: 5, purpose: 'shuffle', step }).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 120, String(count));
    assert.deepEqual([...permutation(0, { seed: 1, purpose: 'shuffle', step: 0 })], []);
  });
});

/** Philox 4×32-10 with BigInt, straight from the paper (Salmon et al. 2011, section 3.3). */
function philox(counter: readonly number[], keys: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt);
  let [k0, k1] = keys.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const [first, second] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(second >> 32n) ^ c1 ^ k0, second & mask, (first >> 32n) ^ c3 ^ k1, first & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}
