import assert from 'node:assert/strict';
import { compareAnswers, Notebook, writeComparisons } from '../../../scripts/proofs/support/smollm.ts';
import { tastes } from '../../../server/demo/judge.ts';
import type { ChatMessage } from '../../../server/protocol/types.ts';
import { readPreferenceRows } from '../../../server/store/rows.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const answer = (prompt: string, text: string, finished = true) => ({ prompt, text, finished });

describe('proof smollm', () => {
  const own = temporaryFolder();
  const answers = [
    answer('a', 'One paragraph.'),
    answer('a', '- a list', false),
    answer('a', '1. another list'),
    answer('a', '- a list', false),
    answer('a', '  '),
    answer('b', 'Only paragraphs.'),
    answer('c', '- x'),
    answer('c', 'Text.', false),
  ];

  it('pairs a liked with a disliked answer of the same prompt, first one a prompt, and none twice', () => {
    const pairs = compareAnswers(answers, tastes.paragraph, 10);
    const content = pairs.map(({ prompt, chosen, rejected }) => [
      (prompt as readonly ChatMessage[])[0].content,
      chosen,
      rejected,
    ]);
    assert.deepEqual(content, [
      ['a', 'One paragraph.', '- a list'],
      ['c', 'Text.', '- x'],
      ['a', 'One paragraph.', '1. another list'],
    ]);
    assert.deepEqual(compareAnswers(answers, tastes.paragraph, 2), pairs.slice(0, 2));
  });

  it('writes what `train` reads, with which answers were cut', () => {
    const pairs = compareAnswers(answers, tastes.paragraph, 10);
    const file = own.write('comparisons.jsonl', '');
    writeComparisons(file, pairs);
    assert.deepEqual(readPreferenceRows(file), pairs);
    assert.deepEqual(
      pairs.map(({ chosenFinished, rejectedFinished }) => [chosenFinished, rejectedFinished]),
      [
        [true, false],
        [false, true],
        [true, true],
      ],
    );
  });

  it('does what is already noted only once', async () => {
    const calls: number[] = [];
    const make = async () => [calls.push(1)];
    for (let k = 0; k < 2; k++) assert.deepEqual(await new Notebook(own.path).kept('value', make), [1]);
    assert.equal(calls.length, 1);
  });
});
