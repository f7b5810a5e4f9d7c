import assert from 'node:assert/strict';
import { appendFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { readPage, tornTail } from '../../../server/jobs/pages.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('pages of a growing log', () => {
  const temporary = temporaryFolder();

  it('reads on from where it was, and leaves a torn line for later', async () => {
    const path = temporary.write('log.jsonl', '{"a":1}\n{"a":2}\n{"a":');
    const first = await readPage(path, 0);
    assert.deepEqual(first, { rows: [{ a: 1 }, { a: 2 }], next: 16 });
    assert.deepEqual(await readPage(path, first.next), { rows: [], next: 16 });
    appendFileSync(path, '3}\n{"a":4}\n');
    assert.deepEqual(await readPage(path, first.next), { rows: [{ a: 3 }, { a: 4 }], next: 32 });
  });

  it('a file that was cut is to be read from its beginning', async () => {
    const path = temporary.write('cut.jsonl', '{"a":1}\n{"a":2}\n{"a":3}\n');
    truncateSync(path, 16);
    assert.deepEqual(await readPage(path, 24), { rows: [], next: 0 });
    appendFileSync(path, '{"other":3}\n');
    assert.deepEqual(await readPage(path, 24), { rows: [], next: 0 }, 'in the middle of a line');
  });

  it('a file that is not there has no rows', async () => {
    assert.deepEqual(await readPage(join(temporary.path, 'none.jsonl'), 40), { rows: [], next: 0 });
  });

  it('passes a broken line over', async () => {
    const path = temporary.write('broken.jsonl', '{"a":1}\nnonsense\n\n{"a":2}\n');
    assert.deepEqual((await readPage(path, 0)).rows, [{ a: 1 }, { a: 2 }]);
  });

  it('gives about a megabyte at once, and a longer line whole', async () => {
    const long = JSON.stringify({ text: 'x'.repeat(3_000_000) });
    const path = temporary.write('long.jsonl', `${'{"a":1}\n'.repeat(200_000)}${long}\n{"end":true}\n`);
    const rows: unknown[] = [];
    let pages = 0;
    for (let next = 0; ; pages++) {
      const page = await readPage(path, next);
      for (const row of page.rows) rows.push(row);
      if (page.next === next) break;
      next = page.next;
    }
    assert.equal(rows.length, 200_002);
    assert.deepEqual(rows.at(-1), { end: true });
    assert.ok(pages >= 3, `${pages} pages`);
  });

  it('the last whole line of a piece', () => {
    const tail = (text: string) => tornTail(Buffer.from(text));
    assert.deepEqual(tail('orn":1}\n{"a":2}\n{"a":'), { a: 2 });
    assert.deepEqual(tail('{"a":1}\n'), { a: 1 });
    assert.equal(tail('{"a":'), undefined);
    assert.equal(tail(''), undefined);
  });
});
