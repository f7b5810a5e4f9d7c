import assert from 'node:assert/strict';
import {
  blockCount,
  chooseToken,
  type Distribution,
  logProbability,
  type Sampling,
} from '../../../../server/engine/generation/sampling.ts';
import { normal, uniform } from '../../../../server/engine/random.ts';

/** Rows of probabilities with their block sums, as the decode graph gives them. */
function distributionOf(rows: readonly (readonly number[])[], blocks = blockCount(rows[0].length)): Distribution {
  const vocabulary = rows[0].length;
  const size = vocabulary / blocks;
  const sums = rows.flatMap((row) =>
    Array.from({ length: blocks }, (_, block) =>
      row.slice(block * size, (block + 1) * size).reduce((sum, probability) => sum + Math.fround(probability), 0),
    ),
  );
  return { probabilities: Float32Array.from(rows.flat()), blockSums: Float32Array.from(sums), vocabulary, blocks };
}

function softmax(logits: readonly number[]): number[] {
  const weights = logits.map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

const random = (count: number, seed: number) =>
  Array.from({ length: count }, (_, row) => 1.5 * normal({ seed, purpose: 'initialise', step: 0, row }));

function frequencies(distribution: Distribution, row: number, sampling: Sampling, draws: number): number[] {
  const counts = new Array(distribution.vocabulary).fill(0);
  for (let k = 0; k < draws; k++) {
    counts[chooseToken(distribution, row, sampling, uniform({ seed: 3, purpose: 'sample', step: row, row: k }))]++;
  }
  return counts;
}

/** Σ (observed − expected)² / expected over the tokens expected at least five times; also asserts that no other comes. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): { value: number; freedom: number } {
  const draws = counts.reduce((a, b) => a + b);
  let [value, freedom] = [0, -1];
  counts.forEach((count, k) => {
    const expected = draws * probabilities[k];
    if (expected === 0) assert.equal(count, 0, `token ${k} has probability 0`);
    if (expected < 5) return;
    value += (count - expected) ** 2 / expected;
    freedom++;
  });
  return { value, freedom };
}

/** The seeds are fixed: a sampler that is right lies within four deviations, one that is off by a few percent does not. */
function assertFits(counts: readonly number[], probabilities: readonly number[]): void {
  const { value, freedom } = chiSquare(counts, probabilities);
  assert.ok(freedom > 0 && value < freedom + 4 * Math.sqrt(2 * freedom), `χ² ${value} with ${freedom} degrees`);
}

describe('sampling', () => {
  const rows = [softmax(random(1200, 1)), softmax(random(1200, 2))];

  it('draws each token as often as its probability says, through blocks and in any row', () => {
    const distribution = distributionOf(rows);
    assert.ok(distribution.blocks > 2);
    for (const row of [0, 1]) assertFits(frequencies(distribution, row, { temperature: 1 }, 100_000), rows[row]);
  });

  it('would notice a token that is left out', () => {
    const counts = frequencies(distributionOf(rows), 0, { temperature: 1 }, 100_000);
    const likeliest = rows[0].indexOf(Math.max(...rows[0]));
    counts[likeliest + 1] += counts[likeliest];
    counts[likeliest] = 0;
    const { value, freedom } = chiSquare(counts, rows[0]);
    assert.ok(value > freedom + 4 * Math.sqrt(2 * freedom));
  });

  it('never draws a token of probability 0, at the ends of the range either', () => {
    const probabilities = [0, 0.5, 0, 0, 0.5, 0, 0, 0];
    for (const blocks of [1, 2, 4, 8]) {
      const distribution = distributionOf([probabilities], blocks);
      const drawn = [0, 0.25, 0.4999999, 0.5, 0.75, 1 - 2 ** -53].map((draw) =>
        chooseToken(distribution, 0, { temperature: 1 }, draw),
      );
      assert.deepEqual(drawn, [1, 1, 1, 4, 4, 4], `${blocks} blocks`);
    }
  });

  it('draws by the inverse of the cumulated probabilities', () => {
    const distribution = distributionOf([[0.1, 0.2, 0.3, 0.4]]);
    const drawn = [0.05, 0.15, 0.29, 0.31, 0.59, 0.61, 0.99].map((draw) =>
      chooseToken(distribution, 0, { temperature: 1 }, draw),
    );
    assert.deepEqual(drawn, [0, 1, 1, 2, 2, 3, 3]);
  });

  it('top-k draws from the k likeliest alone, in proportion', () => {
    const distribution = distributionOf(rows);
    const kept = [...rows[0].keys()].sort((a, b) => rows[0][b] - rows[0][a]).slice(0, 20);
    const total = kept.reduce((sum, token) => sum + rows[0][token], 0);
    const expected = rows[0].map((probability, token) => (kept.includes(token) ? probability / total : 0));
    assertFits(frequencies(distribution, 0, { temperature: 1, topK: 20 }, 5_000), expected);
  });

  it('top-p draws from the fewest that hold the share, in proportion', () => {
    const distribution = distributionOf([[0.4, 0.05, 0.3, 0.15, 0.1]]);
    const nucleus = (topP: number) =>
      frequencies(distribution, 0, { temperature: 1, topP }, 4_000).flatMap((count, token) =>
        count > 0 ? [token] : [],
      );
    assert.deepEqual(nucleus(0.39), [0]);
    assert.deepEqual(nucleus(0.41), [0, 2]);
    assert.deepEqual(nucleus(0.69), [0, 2]);
    assert.deepEqual(nucleus(0.71), [0, 2, 3]);
    assert.deepEqual(nucleus(1), [0, 1, 2, 3, 4]);
    const counts = frequencies(distribution, 0, { temperature: 1, topP: 0.71 }, 20_000);
    assertFits(counts, [0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85, 0]);
  });

  it('top-k and top-p together: the share is of what top-k leaves', () => {
    const distribution = distributionOf([[0.4, 0.05, 0.3, 0.15, 0.1]]);
    const counts = frequencies(distribution, 0, { temperature: 1, topK: 2, topP: 0.5 }, 2_000);
    assert.deepEqual(counts, [2_000, 0, 0, 0, 0]);
  });

  it('greedy takes the likeliest token, the first of equals, whatever is drawn', () => {
    const distribution = distributionOf([
      [0.1, 0.4, 0.1, 0.4],
      [0.1, 0.2, 0.3, 0.4],
    ]);
    for (const draw of [0, 0.5, 0.999]) {
      assert.equal(chooseToken(distribution, 0, 'greedy', draw), 1);
      assert.equal(chooseToken(distribution, 1, 'greedy', draw), 3);
    }
  });

  it('tells the log-probability of a token of its row', () => {
    const distribution = distributionOf(rows);
    assert.ok(Math.abs(logProbability(distribution, 1, 17) - Math.log(rows[1][17])) < 1e-6);
  });

  it('divides every vocabulary into equal blocks', () => {
    for (const vocabulary of [1, 5, 64, 512, 513, 1024, 49152, 32003]) {
      const blocks = blockCount(vocabulary);
      assert.ok(Number.isInteger(vocabulary / blocks) && vocabulary / blocks <= 512, `${vocabulary}: ${blocks}`);
    }
    assert.equal(blockCount(49152), 96);
  });

  it('of a large vocabulary draws what a sort of all of it would', () => {
    const row = softmax(random(5000, 5).map((value) => 3 * value));
    const distribution = distributionOf([row]);
    const values = distribution.probabilities;
    const order = [...values.keys()].sort((a, b) => values[b] - values[a] || a - b);
    for (const sampling of [
      { topK: 1 },
      { topK: 40 },
      { topK: 3000, topP: 0.9 },
      { topP: 0.5 },
      { topP: 0.999 },
      { topP: 1 },
    ]) {
      const candidates = order.slice(0, sampling.topK);
      const all = candidates.reduce((sum, token) => sum + values[token], 0);
      let held = 0;
      const nucleus: number[] = [];
      for (const token of candidates) {
        if (nucleus.length > 0 && held >= (sampling.topP ?? 1) * all * (1 - 1e-12)) break;
        nucleus.push(token);
        held += values[token];
      }
      for (const draw of [0, 0.1, 0.5, 0.9, 0.999]) {
        let left = draw * held;
        const expected = nucleus.find((token) => {
          left -= values[token];
          return left < 0;
        });
        const found = chooseToken(distribution, 0, { temperature: 1, ...sampling }, draw);
        assert.equal(found, expected, `${JSON.stringify(sampling)}, ${draw}`);
      }
    }
  });
});
