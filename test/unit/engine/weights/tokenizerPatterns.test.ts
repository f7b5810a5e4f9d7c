import assert from 'node:assert/strict';
import { TimeLimitError, withinTime } from '../../../../server/engine/weights/timeLimit.ts';
import { createTokenizer } from '../../../../server/engine/weights/tokenizer.ts';
import { checkTokenizerJson, splitAt } from '../../../../server/engine/weights/tokenizerJson.ts';
import { PatternGuard } from '../../../../server/engine/weights/tokenizerPatterns.ts';
import { UserError } from '../../../../server/errors.ts';
import { smallTokenizerJson, smallTokens } from './builders.ts';

const where = '/models/x/tokenizer.json';
const vocabulary = smallTokens.length;
const tokenizerWith = (parts: Record<string, unknown>) =>
  createTokenizer({ where, json: { ...smallTokenizerJson(), ...parts }, vocabulary, namedTokens: {}, endIds: [1] });
const guardOf = (pattern: string, seconds: number) => {
  const json = { ...smallTokenizerJson(), pre_tokenizer: splitAt(pattern) };
  return new PatternGuard(where, checkTokenizerJson(where, json, vocabulary), seconds);
};

describe('patterns of a tokenizer.json', () => {
  it('that backtrack without end are refused when the tokenizer is built', function () {
    this.timeout(120_000);
    const replace = { type: 'Replace', pattern: { Regex: '( |  )*x$' }, content: '' };
    const hidden = { type: 'Sequence', pretokenizers: [splitAt('\\p{N}'), splitAt('(\\p{L}+)+$')] };
    const cases: [Record<string, unknown>, RegExp][] = [
      [
        { pre_tokenizer: splitAt('(a+)+$') },
        /tokenizer\.json: the pattern "\(a\+\)\+\$" took more than 3 s on a text of/,
      ],
      [{ pre_tokenizer: hidden }, /the pattern "\(\\\\p\{L\}\+\)\+\$" took more than/],
      [{ normalizer: replace }, /the pattern "\( \| {2}\)\*x\$" took more than 3 s .* Fetch the file again/],
    ];
    for (const [parts, pattern] of cases) {
      assert.throws(
        () => tokenizerWith(parts),
        (error) => error instanceof UserError && pattern.test(error.message),
        JSON.stringify(parts),
      );
    }
  });

  it('that backtrack on a text of their own end in a sentence there, and at once from then on', () => {
    const guard = guardOf('(qq*)*r', 0.2);
    const search = (text: string) => () => /(qq*)*r/u.test(text);
    assert.equal(guard.run(3, search('qqr')), true);
    const hangs = () => guard.run(41, search(`${'q'.repeat(40)}!`));
    assert.throws(hangs, /took more than 1 s on a text of 41 characters/);
    const started = performance.now();
    assert.throws(() => guard.run(3, search('qqr')), UserError);
    assert.ok(performance.now() - started < 50);
  });

  it('that are harmless work, known or not, and errors stay what they are', () => {
    const known = tokenizerWith({});
    const own = tokenizerWith({
      pre_tokenizer: { type: 'Sequence', pretokenizers: [splitAt('l+'), { type: 'ByteLevel', use_regex: false }] },
    });
    const byte = (character: string) => 3 + character.charCodeAt(0);
    assert.deepEqual(known.encode('hello'), [260, byte('l'), byte('o')]);
    assert.deepEqual(own.encode('hello'), [259, byte('l'), byte('l'), byte('o')]);
    assert.equal(own.decode(own.encode('hello you')), 'hello you');
    assert.throws(
      () => guardOf('l+', 1).run(1, () => JSON.parse('{')),
      (error) => error instanceof SyntaxError,
    );
  });
});

describe('a time limit', () => {
  it('stops loops, and passes on what is given and thrown', () => {
    assert.equal(
      withinTime(1000, () => 7),
      7,
    );
    const error = new RangeError('own');
    assert.throws(
      () =>
        withinTime(1000, () => {
          throw error;
        }),
      error,
    );
    let turns = 0;
    assert.throws(
      () =>
        withinTime(50, () => {
          for (;;) turns++;
        }),
      TimeLimitError,
    );
    assert.ok(turns > 0);
  });
});
