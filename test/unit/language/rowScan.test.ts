import assert from 'node:assert/strict';
import fc from 'fast-check';
import { longestRow, scanRow, textsOf } from '../../../server/language/rowScan.ts';
import { scanArray, scanObject } from '../../../server/language/scan.ts';
import { contentKey } from '../../../server/scores/contentKey.ts';

describe('positions in a JSONL row', () => {
  const jsonl = { kind: 'jsonl' } as const;
  const user = { role: 'user', content: 'Hi "you"?' };
  const yes = { role: 'assistant', content: 'Yes.\n' };
  const no = { role: 'assistant', content: 'No {]}' };

  /** The texts at the targets, by column. */
  function found(row: unknown, text = JSON.stringify(row)) {
    const scan = scanRow(text, jsonl);
    return (
      scan && Object.fromEntries(scan.targets.map(({ column, value }) => [column, text.slice(value.start, value.end)]))
    );
  }

  it('finds each shape of row', () => {
    const cases: [unknown, Record<string, string> | undefined][] = [
      [{ prompt: 'p', completion: 'c' }, { completion: '"c"' }],
      [{ prompt: 'p', response: 'c' }, { response: '"c"' }],
      [{ text: 'a "b" \\' }, { text: '"a \\"b\\" \\\\"' }],
      [
        { prompt: 'p', chosen: 'é😀', rejected: '\u2028' },
        { chosen: '"é😀"', rejected: '"\u2028"' },
      ],
      [{ messages: [user, no, user, yes] }, { messages: '"Yes.\\n"' }],
      [{ messages: [user, no, user] }, { messages: '"No {]}"' }],
      [{ messages: [user] }, undefined],
      [
        { chosen: [user, yes], rejected: [user, no] },
        { chosen: JSON.stringify([user, yes]), rejected: JSON.stringify([user, no]) },
      ],
      [{ prompt: [user], completion: [yes] }, { completion: JSON.stringify([yes]) }],
      [{ prompt: 'p', completion: 'c', text: null }, { completion: '"c"' }],
      [{ nested: { chosen: 'x' }, list: [{ text: 'y' }] }, undefined],
      [{ id: 1, responses: ['a', 'b'] }, undefined],
      [{}, undefined],
      [[1, 2], undefined],
      ['text', undefined],
    ];
    for (const [row, targets] of cases) assert.deepEqual(found(row), targets, JSON.stringify(row));
  });

  it('takes the last of two columns with one name, escaped names, odd spaces and a byte order mark', () => {
    const text = '\ufeff { "text" :\t"a" , "\\u0074ext":"b"\r}';
    assert.deepEqual(found(undefined, text), { text: '"b"' });
    assert.equal(scanRow(text, jsonl)?.targets[0].key, contentKey({ prompt: '', completion: 'b', finished: false }));
  });

  it('means the same rows as the reader of files', () => {
    const keys = (row: unknown) => scanRow(JSON.stringify(row), jsonl)?.targets.map(({ key }) => key);
    const pair = { prompt: [user], chosen: 'Yes.\n', rejected: 'No {]}' };
    const expected = ['Yes.\n', 'No {]}'].map((completion) =>
      contentKey({ prompt: [user], completion, finished: true }),
    );
    assert.deepEqual(keys(pair), expected);
    assert.deepEqual(keys({ chosen: [user, yes], rejected: [user, no] }), expected);
    assert.deepEqual(keys({ prompt: user.content, chosen: [user, yes], rejected: [user, no] }), expected);
    assert.deepEqual(keys({ messages: [user, yes, user] }), expected.slice(0, 1));
    assert.deepEqual(keys({ prompt: [user], response: 'Yes.\n' }), expected.slice(0, 1));
    assert.deepEqual(keys({ prompt: [user], completion: [yes], finished: false }), [
      contentKey({ prompt: [user], completion: 'Yes.\n', finished: false }),
    ]);
    // TRL's way to find the prompt of two texts.
    assert.deepEqual(textsOf(JSON.stringify({ chosen: 'The sky is blue.', rejected: 'The sky is red.' })), {
      chosen: { prompt: 'The sky is', completion: ' blue.', finished: true },
      rejected: { prompt: 'The sky is', completion: ' red.', finished: true },
    });
  });

  it('says why a row has no score, and still where its values stand', () => {
    const cases: [unknown, RegExp][] = [
      [{ completion: 'c' }, /^The column prompt is missing; found: completion\.$/],
      [{ prompt: 'p', chosen: 'a', rejected: 'a' }, /^Chosen and rejected are the same text/],
      [{ prompt: 'p', chosen: 'a' }, /^The column rejected is missing/],
      [{ prompt: 'p', chosen: 3, rejected: 'a' }, /^Chosen should be text/],
      [{ messages: [yes] }, /nothing before it/],
      [{ messages: 'no list' }, /should be a list/],
      [{ messages: [user, { role: 'assistant', content: [{ type: 'text' }] }] }, /should be text, not a list/],
      [{ text: 'x'.repeat(200_001) }, /200,001 characters/],
    ];
    for (const [row, problem] of cases) {
      const scan = scanRow(JSON.stringify(row), jsonl);
      assert.match(scan?.problem ?? '', problem);
      assert.ok(scan?.targets.every(({ key }) => key === undefined));
    }
    assert.equal(scanRow(JSON.stringify({ prompt: 'p', chosen: 'a' }), jsonl)?.targets.length, 1);
  });

  it('finds in a broken line what stands before the break', () => {
    const text = '{"prompt": "p", "chosen": "yes", "rejected": "n';
    const scan = scanRow(text, jsonl);
    assert.equal(scan?.problem, 'This line is not valid JSON.');
    assert.deepEqual(found(undefined, text), { chosen: '"yes"', rejected: '"n' });
    for (const nothing of [
      '',
      '   ',
      '{',
      '{"',
      '"chosen"',
      'x',
      '{"chosen"',
      '{"chosen":',
      '{chosen: 1}',
      '[{"text":"a"',
    ]) {
      assert.equal(scanRow(nothing, jsonl), undefined, nothing);
    }
  });

  it('does not read a line of 5 MB, and reads one below the limit quickly', () => {
    const huge = JSON.stringify({ text: 'x'.repeat(5_000_000) });
    const start = performance.now();
    const scan = scanRow(huge, jsonl);
    assert.ok(performance.now() - start < 50);
    assert.match(scan?.problem ?? '', /5\.0 million characters.*Score File/);
    // What costs a careless scanner most: a run of escapes.
    const escapes = `{"a":"${'\\\\'.repeat(longestRow / 2 - 100)}","text":"b"}`;
    const before = process.cpuUsage();
    assert.deepEqual(found(undefined, escapes), { text: '"b"' });
    const quotes = `{"a":"${'\\"'.repeat(longestRow / 2 - 100)}","text":"b"}`;
    assert.deepEqual(found(undefined, quotes), { text: '"b"' });
    assert.ok(process.cpuUsage(before).user < 300_000);
  });

  it('in JSON files only what is certainly a row', () => {
    const scan = (row: unknown) => scanRow(JSON.stringify(row, null, 2), { kind: 'json' })?.targets.length;
    assert.equal(scan({ text: 'a' }), undefined);
    assert.equal(scan({ completion: 'a' }), undefined);
    assert.equal(scan({ prompt: 'p', completion: 'a' }), 1);
    assert.equal(scan({ messages: [user, yes] }), 1);
    assert.equal(scan({ prompt: 'p', chosen: 'a', rejected: 'b' }), 2);
  });

  it('any object, however written: the columns are where JSON.parse finds them', () => {
    const space = fc.stringMatching(/^[ \t\r]{0,2}$/);
    const value = fc.jsonValue({ maxDepth: 2 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), value), { maxLength: 6 }), space, (entries, gap) => {
        const parts = entries.map(
          ([name, value]) => `${gap}${JSON.stringify(name)}${gap}:${gap}${JSON.stringify(value)}${gap}`,
        );
        const text = `${gap}{${parts.join(',')}${parts.length === 0 ? gap : ''}}${gap}`;
        const scanned = scanObject(text);
        assert.ok(scanned?.whole);
        assert.equal(text.slice(scanned.end), gap);
        const values = new Map(
          Array.from(scanned.columns, ([name, { value }]) => [name, text.slice(value.start, value.end)]),
        );
        assert.deepEqual(values, new Map(entries.map(([name, value]) => [name, JSON.stringify(value)])));
        for (const [name, { key }] of scanned.columns) assert.equal(JSON.parse(text.slice(key.start, key.end)), name);
      }),
    );
  });

  it('any list: its elements', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const text = JSON.stringify(values);
        const elements = (scanArray(text) ?? []).map(({ start, end }) => text.slice(start, end));
        assert.deepEqual(
          elements,
          values.map((value) => JSON.stringify(value)),
        );
      }),
    );
  });

  it('any text at all, and any row cut anywhere: no fault, and places within the text', () => {
    const row = JSON.stringify({ prompt: 'p "', chosen: [user, yes], rejected: [user, no], messages: [user, yes] });
    const cut = fc.tuple(fc.nat(row.length), fc.string()).map(([at, text]) => row.slice(0, at) + text);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), cut), (text) => {
        for (const { name, value } of scanRow(text, jsonl)?.targets ?? []) {
          assert.ok(name.start < name.end && name.end < value.start && value.start < value.end);
          assert.ok(value.end <= text.length);
        }
      }),
    );
  });
});
