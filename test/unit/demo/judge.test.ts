import assert from 'node:assert/strict';
import { compare, isOneParagraph, likedShare, positivity, tastes } from '../../../server/demo/judge.ts';

describe('positivity', () => {
  const cases: [text: string, score: number][] = [
    ['', 0],
    ['The bread was on the table.', 0],
    ['The bread was good.', 3],
    ['GOOD bread, awful tea.', 0],
    ['Superb and superb!', 10],
    ['It was not good.', -3],
    ['It was not so very good.', -3],
    ['It was not, as far as anyone knows, good.', 3],
    ['I do not know. Good bread.', 3],
    ["It isn't bad", 3],
    ['It isn’t bad', 3],
    ['no problem', 2],
    ['There was no view.', 0],
    ['goodish', 0],
    ['constructor toString hasOwnProperty', 0],
    ['well-being', 2],
    ['The soup was lovely, but the waiter was nasty; the cake was not rotten.', 3],
  ];
  for (const [text, score] of cases) {
    it(`of ${JSON.stringify(text)} is ${score}`, () => assert.equal(positivity(text), score));
  }
});

describe('one paragraph', () => {
  const accepted = [
    'Plain text.',
    '  Two sentences. With spaces around.\n',
    'A line break\nis not a paragraph.',
    'A dash - inside - and 3. a number.',
    '1.5 litres are enough, and -2 degrees are cold.',
    '**Bold** begins this line.',
    'C# is a language; use #tags if you like.',
    'A. Smith wrote it.',
  ];
  const refused = [
    '',
    ' \n\t',
    'First.\n\nSecond.',
    'First.\r\n \r\nSecond.',
    '- one\n- two',
    'Here:\n* one',
    'Here:\n  • one',
    '1. one\n2. two',
    'Steps:\n1) one',
    'Steps:\n(a) one',
    '# Title',
    'Text\n## More',
    '```\ncode\n```',
  ];
  for (const text of accepted) {
    it(`accepts ${JSON.stringify(text)}`, () => assert.equal(isOneParagraph(text), true));
  }
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(isOneParagraph(text), false));
  }
});

describe('the other tastes', () => {
  const cases: [taste: keyof typeof tastes, text: string, likes: boolean][] = [
    ['question', 'Yes. And you?', true],
    ['question', '"And you?"\n', true],
    ['question', 'And you? Yes.', false],
    ['exclamation', 'Oh! Yes.', true],
    ['exclamation', 'Oh. Yes.', false],
    ['short', 'word '.repeat(40), true],
    ['short', 'word '.repeat(41), false],
    ['short', '  ', false],
    ['positive', 'good', true],
    ['positive', 'plain', false],
    ['positive', 'bad', false],
  ];
  for (const [taste, text, likes] of cases) {
    it(`${taste} ${likes ? 'likes' : 'does not like'} ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.equal(tastes[taste].likes(text), likes);
    });
  }
});

describe('compare', () => {
  it('chooses the higher score on either side, and calls equal scores a tie', () => {
    assert.equal(compare(tastes.positive, ['good', 'good good']), 1);
    assert.equal(compare(tastes.positive, ['bad', 'bad bad']), 0);
    assert.equal(compare(tastes.positive, ['good', 'great']), 'tie');
    assert.equal(compare(tastes.paragraph, ['- a', 'a']), 1);
    assert.equal(compare(tastes.paragraph, ['b', 'a']), 'tie');
  });

  it('counts neutral responses as not positive', () => {
    assert.equal(likedShare(tastes.positive, ['good', 'plain', 'bad', 'nice']), 0.5);
    assert.throws(() => likedShare(tastes.positive, []), RangeError);
  });
});
