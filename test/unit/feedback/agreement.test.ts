import assert from 'node:assert/strict';
import { agreementOf } from '../../../server/feedback/agreement.ts';
import { votedPairs } from '../../../server/feedback/votes.ts';
import { AnnotatorLabels } from '../../../server/store/annotatorLabels.ts';
import { choices, kinds } from '../../../server/store/eventColumns.ts';
import { wordsOf } from '../../../server/store/hexIds.ts';
import { Pacer } from '../../../server/store/pacer.ts';
import { ResponseNumbers } from '../../../server/store/responseNumbers.ts';

describe('agreement between annotators', () => {
  /** A column an annotator, a row a pair: '1' and '2' are the responses, 't' a tie, '.' nothing. */
  async function agreement(...columns: string[]) {
    let id = 0;
    const everybody = [];
    for (const [k, answers] of columns.entries()) {
      const labels = new AnnotatorLabels(`annotator ${k}`);
      for (const [pair, answer] of [...answers].entries()) {
        if (answer === '.') continue;
        const choice = answer === '1' ? choices.low : answer === '2' ? choices.high : choices.bothGood;
        const at = ++id;
        const uuid = `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`;
        const row = labels.add(wordsOf(uuid), 0, at, kinds.decide);
        labels.events.low[row] = 2 * pair;
        labels.events.high[row] = 2 * pair + 1;
        labels.events.choice[row] = choice;
      }
      await labels.settle(
        new Pacer(),
        () => undefined,
        () => undefined,
      );
      everybody.push(labels);
    }
    const numbers = new ResponseNumbers();
    for (let k = 0; k < 100; k++) numbers.number(String(k).padStart(32, '0'));
    return (await agreementOf(everybody, votedPairs(everybody, new Pacer()), numbers, new Pacer())).between;
  }

  it('is whole where all say the same', async () => {
    assert.deepEqual(await agreement('12t1', '12t1'), { pairs: 4, share: 1, alpha: 1 });
    assert.deepEqual(
      await agreement('111', '111'),
      { pairs: 3, share: 1, alpha: 1 },
      'also where there is one answer only',
    );
  });

  it('is none where nobody shares a pair', async () => {
    const { pairs, share, alpha } = await agreement('12..', '..12');
    assert.deepEqual([pairs, share, alpha].map(String), ['0', 'NaN', 'NaN']);
  });

  it("Krippendorff's example of two observers and ten units: 0.095", async () => {
    // "Computing Krippendorff's Alpha-Reliability" (2011), A: binary data, two observers, no missing data.
    const { alpha, share } = await agreement('1211111111', '2221121211');
    assert.ok(Math.abs(share - 0.6) < 1e-12);
    assert.equal(alpha.toFixed(3), '0.095');
    assert.ok(Math.abs(alpha - expectedAlpha('1211111111', '2221121211')) < 1e-12, String(alpha));
  });

  it('three annotators with gaps, by the definition', async () => {
    const columns = ['12.1t2', '1211.2', '.212t.'];
    const { alpha, pairs } = await agreement(...columns);
    assert.equal(pairs, 6);
    assert.ok(Math.abs(alpha - expectedAlpha(...columns)) < 1e-12, String(alpha));
  });
});

/** The coincidence matrix written out, as Krippendorff does it. */
function expectedAlpha(...columns: string[]): number {
  const answers = ['1', '2', 't'];
  const matrix = answers.map(() => answers.map(() => 0));
  for (let unit = 0; unit < columns[0].length; unit++) {
    const values = columns.map((column) => column[unit]).filter((answer) => answer !== '.');
    for (const [i, a] of values.entries()) {
      for (const [j, b] of values.entries()) {
        if (i !== j) matrix[answers.indexOf(a)][answers.indexOf(b)] += 1 / (values.length - 1);
      }
    }
  }
  const totals = matrix.map((row) => row.reduce((sum, value) => sum + value, 0));
  const n = totals.reduce((sum, value) => sum + value, 0);
  const agreed = matrix.reduce((sum, row, k) => sum + row[k], 0);
  const chance = totals.reduce((sum, total) => sum + total * (total - 1), 0);
  return ((n - 1) * agreed - chance) / (n * (n - 1) - chance);
}
