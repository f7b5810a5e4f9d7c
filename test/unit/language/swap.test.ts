import assert from 'node:assert/strict';
import fc from 'fast-check';
import { swapResponses } from '../../../server/language/swap.ts';

describe('swapping chosen and rejected', () => {
  function swapped(text: string): string | undefined {
    const replacements = swapResponses(text);
    return replacements?.reduceRight(
      (line, { span, text: part }) => line.slice(0, span.start) + part + line.slice(span.end),
      text,
    );
  }

  it('exchanges the two and leaves every other character', () => {
    assert.equal(
      swapped('{ "prompt":"p",\t"chosen": "a\\u0062", "x": 1.0, "rejected" :["c"] }'),
      '{ "prompt":"p",\t"chosen": ["c"], "x": 1.0, "rejected" :"a\\u0062" }',
    );
  });

  it('takes along what belongs to each: flags that are absent, and other columns that come in pairs', () => {
    assert.equal(
      swapped('{"chosen":"a","rejected":"b","chosen_finished":false,"margin":2}'),
      '{"chosen":"b","rejected":"a","rejected_finished":false,"margin":2}',
    );
    assert.equal(
      swapped('{"chosen":"a","chosen_finished":true,"rejected":"b","rejected_finished":false}'),
      '{"chosen":"b","chosen_finished":false,"rejected":"a","rejected_finished":true}',
    );
    assert.equal(
      swapped('{"chosen":"a","rejected":"b","score_chosen":9,"score_rejected":1,"why_chosen":"better"}'),
      '{"chosen":"b","rejected":"a","score_chosen":1,"score_rejected":9,"why_chosen":"better"}',
    );
  });

  it('does nothing to what is no whole pair', () => {
    for (const text of ['{"chosen":"a"}', '{"chosen":"a","rejected":"b"', '', '[]', '{"text":"a"}']) {
      assert.equal(swapped(text), undefined);
    }
  });

  it('twice is never', () => {
    const value = fc.oneof(fc.string(), fc.boolean(), fc.array(fc.string()));
    const row = fc.record(
      { prompt: value, chosen: value, rejected: value, chosen_finished: fc.boolean(), rejected_finished: fc.boolean() },
      { requiredKeys: ['chosen', 'rejected'] },
    );
    fc.assert(
      fc.property(row, (value) => {
        const text = JSON.stringify(value);
        const once = swapped(text) as string;
        assert.deepEqual(JSON.parse(once).chosen, value.rejected);
        assert.equal(swapped(once), text);
      }),
    );
  });
});
