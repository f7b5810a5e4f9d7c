import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { openRowDocument, type Row, type RowDocument } from '../../../server/language/rowDocument.ts';

describe('an open file with rows', () => {
  const uri = 'file:///rows';
  const open = (text: string, languageId = 'jsonl') => openRowDocument(uri, languageId, 1, text);
  const linesOf = (document: RowDocument) => Array.from(document.rows(), ({ row }) => row.text);
  const rowsOf = (document: RowDocument): Row[] => Array.from(document.rows(), ({ row }) => row);
  const line = (k: number) => JSON.stringify({ prompt: `p${k}`, chosen: 'a', rejected: 'b' });
  const at = (startLine: number, start: number, endLine: number, end: number) => ({
    start: { line: startLine, character: start },
    end: { line: endLine, character: end },
  });

  it('has a row a line, whatever ends it', () => {
    assert.deepEqual(linesOf(open('a\r\nb\nc\r\n')), ['a', 'b', 'c', '']);
    assert.deepEqual(linesOf(open('')), ['']);
  });

  it('an edit of one line makes that row anew and leaves the others as they were', () => {
    const document = open([0, 1, 2, 3].map(line).join('\r\n'));
    const before = rowsOf(document);
    for (const row of before) assert.ok(row.scan);
    before[2].show('chosen', '+1.8');
    document.change([{ range: at(2, 12, 2, 12), text: 'x' }], 2);
    const after = rowsOf(document);
    assert.deepEqual(
      after.map((row, k) => row === before[k]),
      [true, true, false, true],
    );
    assert.deepEqual(
      after.map(({ scanned }) => scanned),
      [true, true, false, true],
    );
    assert.equal(after[2].shown('chosen'), '+1.8', 'what was shown stays until the new score is there');
    assert.equal(document.version, 2);
  });

  it('a row that moves keeps what is known of it, and no row shows its neighbour’s score', () => {
    const document = open([0, 1, 2].map(line).join('\n'));
    const [first, second, third] = rowsOf(document);
    second.show('chosen', 'second');
    document.change([{ range: at(1, 0, 1, 0), text: `${line(9)}\n` }], 2);
    const after = rowsOf(document);
    assert.deepEqual([after[0], after[2], after[3]], [first, second, third]);
    assert.equal(after[1].shown('chosen'), undefined);
    document.change([{ range: at(0, 0, 1, 0), text: '' }], 3);
    assert.deepEqual(rowsOf(document).slice(1), [second, third]);
  });

  it('gives only the rows of the lines that are asked for, with their places', () => {
    const document = open([0, 1, 2, 3].map(line).join('\n'));
    const some = [...document.rows(1, 2)];
    assert.deepEqual(
      some.map((placed) => placed.line),
      [1, 2],
    );
    const [chosen] = some[1].row.scan!.targets;
    assert.deepEqual(some[1].range(chosen.value), at(2, 24, 2, 27));
    assert.deepEqual(
      rowsOf(document).map(({ scanned }) => scanned),
      [false, false, true, false],
    );
  });

  it('any edits: the lines are those of the text', () => {
    const edit = fc.record({
      from: fc.nat(24),
      to: fc.nat(24),
      text: fc.stringMatching(/^[ab\n{}":]{0,6}$/),
      whole: fc.boolean(),
    });
    const kinds = fc.constantFrom('jsonl', 'json');
    fc.assert(
      fc.property(
        fc.stringMatching(/^[ab\n]{0,20}$/),
        fc.array(edit, { maxLength: 8 }),
        kinds,
        (start, edits, kind) => {
          const document = openRowDocument(uri, kind, 1, start);
          let twin = TextDocument.create(uri, kind, 1, start);
          edits.forEach(({ from, to, text, whole }, k) => {
            const [start, end] = [from, to].sort((a, b) => a - b).map((offset) => twin.positionAt(offset));
            const range = { start, end };
            const change = whole && k % 3 === 0 ? { text } : { range, text };
            document.change([change], k + 2);
            twin = TextDocument.update(twin, [change], k + 2);
            [...document.rows()];
          });
          assert.equal(document.length, twin.getText().length);
          if (kind === 'jsonl') assert.deepEqual(linesOf(document), twin.getText().split('\n'));
        },
      ),
    );
  });

  it('a JSON file: its object, or the objects of its list, over several lines', () => {
    const turns = {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
      ],
    };
    const document = open(JSON.stringify(turns, null, 2), 'json');
    const [placed] = document.rows();
    assert.deepEqual(placed.range(placed.row.scan!.targets[0].value), at(8, 17, 8, 24));
    const list = open(`[\r\n  ${JSON.stringify(turns)},\r\n  {"text": 1}, ${JSON.stringify(turns)}\r\n]`, 'json');
    const rows = [...list.rows()];
    assert.deepEqual(
      rows.map((row) => row.line),
      [1, 2, 2],
    );
    assert.deepEqual(
      rows.map(({ row }) => row.scan?.targets.length),
      [1, undefined, 1],
    );
    const range = rows[2].range(rows[2].row.scan!.targets[0].value);
    assert.deepEqual(range.start, { line: 2, character: 89 });
    rows[2].row.show('messages', '+1');
    list.change([{ range: at(1, 2, 1, 2), text: ' ' }], 2);
    assert.equal([...list.rows(2, 2)][1].row.shown('messages'), '+1');
    assert.equal([...open('not json', 'json').rows()].length, 0);
  });

  it('1,000 rows are read in less than 50 ms, and an edit in less than 5', () => {
    const text = Array.from({ length: 1000 }, (_, k) =>
      JSON.stringify({
        prompt: `Question ${k}: ${'why '.repeat(40)}`,
        chosen: 'because '.repeat(60),
        rejected: 'no '.repeat(60),
      }),
    ).join('\n');
    // Of the processor, and the best of five: other processes take it, and the first attempts compile.
    const milliseconds = (since: NodeJS.CpuUsage) => process.cpuUsage(since).user / 1000;
    const attempts = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      const document = open(text);
      for (const { row } of document.rows()) assert.equal(row.scan?.targets.length, 2);
      const reading = milliseconds(start);
      const edited = process.cpuUsage();
      document.change([{ range: at(500, 20, 500, 20), text: 'x' }], 2);
      for (const { row } of document.rows()) assert.ok(row.scan);
      return { reading, editing: milliseconds(edited) };
    });
    const best = (values: readonly number[]) => Math.min(...values);
    assert.ok(best(attempts.map(({ reading }) => reading)) < 50, JSON.stringify(attempts));
    assert.ok(best(attempts.map(({ editing }) => editing)) < 5, JSON.stringify(attempts));
  });
});
