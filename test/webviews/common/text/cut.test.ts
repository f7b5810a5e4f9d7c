import assert from 'node:assert/strict';
import fc from 'fast-check';
import { partAt } from '../../../../webviews/common/text/cut.ts';

function partsOf(text: string, size: number) {
  const parts: { readonly text: string; readonly from: number; readonly end: number; readonly fence: string }[] = [];
  for (let from = 0, fence = ''; from < text.length; ) {
    const part = partAt(text, from, size, fence);
    parts.push({ ...part, from });
    ({ end: from, fence } = part);
  }
  return parts;
}

describe('long texts in parts', () => {
  it('are whole again when put together, and no character is cut in two', () => {
    const pieces = fc.constantFrom('a', 'word ', '\n', '\n\n', '```\n', '~~~~', '🙂', '    ', '```js\n', 'é');
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 300 }), fc.integer({ min: 4, max: 60 }), (list, size) => {
        const text = list.join('');
        const parts = partsOf(text, size);
        assert.equal(parts.map(({ from, end }) => text.slice(from, end)).join(''), text);
        for (const { from, end } of parts) {
          assert.ok(end > from && end - from <= size);
          assert.doesNotMatch(text.slice(from, end), /\p{Cs}/u);
        }
      }),
    );
  });

  it('end at a blank line, else at a line, else at a word', () => {
    const ends = (text: string) => partsOf(text, 20).map(({ from, end }) => text.slice(from, end));
    assert.deepEqual(ends('aaaa aaaa a\n\nbb b\nbbbb'), ['aaaa aaaa a\n\n', 'bb b\nbbbb']);
    assert.deepEqual(ends('aaaa aaaa aaaa\nbbb bbb bbb'), ['aaaa aaaa aaaa\n', 'bbb bbb bbb']);
    assert.deepEqual(ends('aaaa aaaa aaaa aaaa aaaa'), ['aaaa aaaa aaaa aaaa ', 'aaaa']);
  });

  it('close a fence that goes on, and open it again', () => {
    const code = `\`\`\`js\n${'let x;\n'.repeat(6)}\`\`\`\nafter`;
    const parts = partsOf(code, 30);
    assert.equal(parts.length, 2);
    assert.equal(parts[0].text, '```js\nlet x;\nlet x;\nlet x;\n```');
    assert.equal(parts[1].text, '```js\nlet x;\nlet x;\nlet x;\n```\nafter');
    assert.deepEqual(
      parts.map(({ fence }) => fence),
      ['```js', ''],
    );
  });
});
