import assert from 'node:assert/strict';
import { selectedRow } from '../../../server/language/selectedRow.ts';

describe('a selection in a row of a data set', () => {
  const line = JSON.stringify({ prompt: 'The tea was', chosen: ' good\n"and" warm.', rejected: ' bad.' });
  const select = (from: string, to = from) =>
    selectedRow({ line, start: line.indexOf(from), end: line.indexOf(to) + to.length });

  it('that covers one response asks for it as the row has it', () => {
    const chosen = { prompt: 'The tea was', completion: ' good\n"and" warm.', finished: true };
    assert.deepEqual(select('" good', 'warm."'), chosen);
    assert.deepEqual(select(' good', 'warm.'), chosen, 'without its quotation marks');
    assert.deepEqual(select('"chosen"', 'warm."'), chosen, 'with its name');
  });

  it('that is a part of one asks for that part, as an answer to the row’s prompt', () => {
    assert.deepEqual(select('good'), { prompt: 'The tea was', completion: 'good', finished: false });
    assert.deepEqual(select('\\"and', 'warm'), { prompt: 'The tea was', completion: '"and" warm', finished: false });
  });

  it('that is anywhere else, or covers two, asks for nothing in the row', () => {
    assert.equal(select('The tea'), undefined);
    assert.equal(select('{', '}'), undefined);
    assert.equal(selectedRow({ line: 'plain text', start: 0, end: 5 }), undefined);
  });

  it('finds the last answer of a conversation', () => {
    const messages = [
      { role: 'user', content: 'How was it?' },
      { role: 'assistant', content: 'Fine.' },
    ];
    const text = JSON.stringify({ messages });
    const start = text.indexOf('Fine.');
    assert.equal(selectedRow({ line: text, start, end: start + 5 })?.completion, 'Fine.');
  });
});
