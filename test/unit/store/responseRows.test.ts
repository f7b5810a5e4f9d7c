import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../../server/errors.ts';
import { responsesOf } from '../../../server/store/responseRows.ts';

/** What a row says, or what is said about it. */
function outcomeOf(value: Readonly<Record<string, unknown>>): unknown {
  try {
    return responsesOf({ file: 'responses/a.jsonl', line: 1, value });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Without the list of all columns.
    return error.message.replace(/; found: .*/, '');
  }
}

describe('rows of responses', () => {
  it('in plain text, which are read on a short way, are read as on the long one', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('Yes.', ' ', '\ud800', 'é', 'a'.repeat(200_001)));
    const other = fc.oneof(text, fc.constantFrom(null, 3, true, [], [{ role: 'assistant', content: 'Yes.' }]));
    const rows = fc.record(
      {
        prompt: fc.oneof({ weight: 5, arbitrary: text }, other),
        completion: fc.oneof({ weight: 5, arbitrary: text }, other),
        model: fc.oneof({ weight: 5, arbitrary: text }, other),
        finished: fc.oneof({ weight: 5, arbitrary: fc.boolean() }, other),
        messages: other,
        chosen: other,
        rejected: other,
        image: fc.constantFrom(null, '', 'a.png'),
        note: other,
      },
      { requiredKeys: [] },
    );
    let plain = 0;
    const alike = (row: Readonly<Record<string, unknown>>) => {
      const outcome = outcomeOf(row);
      // Beside a list of pictures, though it is empty, no row is plain.
      assert.deepEqual(outcome, outcomeOf({ image: null, ...row, ...(row.image ? {} : { images: [] }) }));
      if (Array.isArray(outcome)) plain++;
    };
    fc.assert(fc.property(rows, alike), { numRuns: 3000 });
    fc.assert(fc.property(fc.record({ prompt: text, completion: text, model: text }), alike), { numRuns: 1000 });
    assert.ok(plain > 300, `${plain} of 4000 were read`);
  });
});
