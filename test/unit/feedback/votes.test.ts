import assert from 'node:assert/strict';
import { votedPairs } from '../../../server/feedback/votes.ts';
import { AnnotatorLabels } from '../../../server/store/annotatorLabels.ts';
import { choices, kinds } from '../../../server/store/eventColumns.ts';
import { uuidOf, wordsOf } from '../../../server/store/hexIds.ts';
import { Pacer } from '../../../server/store/pacer.ts';

describe('votes about pairs', () => {
  const idOf = (at: number) => uuidOf(at.toString(16).padStart(32, '0'));

  /** An annotator's events: `decide` and `skip` of [low, high], `again` of its repetition, `undo` of the event so many before. */
  async function annotator(name: string, events: readonly (readonly [string, number, number?])[]) {
    const labels = new AnnotatorLabels(name);
    for (const [index, [what, low, high]] of events.entries()) {
      const at = index + 1;
      if (what === 'undo') {
        labels.add(wordsOf(idOf(at)), 0, at, kinds.undo, idOf(at - low));
        continue;
      }
      const row = labels.add(wordsOf(idOf(at)), 0, at, what === 'skip' ? kinds.skip : kinds.decide);
      labels.events.setPair(row, low, high as number, false);
      labels.events.choice[row] = what === 'skip' ? choices.none : choices.low;
      labels.events.repeat[row] = Number(what === 'again');
    }
    const nothing = () => undefined;
    await labels.settle(new Pacer(), nothing, nothing);
    return labels;
  }

  async function said(...annotators: AnnotatorLabels[]) {
    const pairs: [number, number, string[]][] = [];
    for await (const { low, high, votes } of votedPairs(annotators, new Pacer())) {
      const words = votes.map(({ labels, row, decisions, skips }) => `${labels.name} ${row} ${decisions} ${skips}`);
      pairs.push([low, high, words]);
    }
    return pairs.sort(([a], [b]) => a - b);
  }

  it('are one an annotator and pair, whoever came to it first', async () => {
    const ann = await annotator('ann', [
      ['decide', 0, 1],
      ['skip', 2, 3],
    ]);
    const ben = await annotator('ben', [
      ['decide', 4, 5],
      ['decide', 2, 3],
      ['decide', 0, 1],
    ]);
    assert.deepEqual(await said(ann, ben), [
      [0, 1, ['ann 0 1 0', 'ben 2 1 0']],
      [2, 3, ['ann -1 0 1', 'ben 1 1 0']],
      [4, 5, ['ben 0 1 0']],
    ]);
  });

  it('count the newer of two showings', async () => {
    const ann = await annotator('ann', [
      ['decide', 0, 1],
      ['again', 0, 1],
    ]);
    assert.deepEqual(await said(ann), [[0, 1, ['ann 1 2 0']]]);
  });

  it('are one where the first showing was undone and the repetition stands, and none where all was undone', async () => {
    const events = [
      ['decide', 0, 1],
      ['again', 0, 1],
      ['undo', 2],
    ] as const;
    assert.deepEqual(await said(await annotator('ann', events)), [[0, 1, ['ann 1 1 0']]]);
    assert.deepEqual(await said(await annotator('ann', [...events, ['undo', 2]])), []);
  });

  it('are one where only the repetition is there', async () => {
    assert.deepEqual(await said(await annotator('ann', [['again', 0, 1]])), [[0, 1, ['ann 0 1 0']]]);
  });
});
