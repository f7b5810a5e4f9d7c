import assert from 'node:assert/strict';
import fs, { constants, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { appendLines } from '../../../server/store/appendLine.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('appending a line', () => {
  const temporary = temporaryFolder();
  const { open } = fs.promises;
  afterEach(() => {
    fs.promises.open = open;
    syncBuiltinESMExports();
  });

  /** Puts another file in its place, as git does, when it has just been opened for appending; so many times. */
  function replacing(path: string, content: string, times: number): void {
    fs.promises.open = async (name, flags, mode) => {
      const file = await open(name, flags, mode);
      if (typeof flags === 'number' && (flags & constants.O_APPEND) !== 0 && times-- > 0) {
        writeFileSync(`${path}.new`, content);
        renameSync(`${path}.new`, path);
      }
      return file;
    };
    syncBuiltinESMExports();
  }

  it('makes the folder and the file, and goes on in them', async () => {
    const path = join(temporary.path, 'new', 'a.jsonl');
    await appendLines(path, 'one', 'one');
    await appendLines(path, 'two', 'two');
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  });

  it('gives an end to a line that has none', async () => {
    const path = temporary.write('b.jsonl', 'torn');
    await appendLines(path, 'one\ntwo', 'one');
    assert.equal(readFileSync(path, 'utf8'), 'torn\none\ntwo\n');
  });

  it('into a file that is replaced meanwhile: the line is in the one that is there afterwards', async () => {
    const path = temporary.write('c.jsonl', 'old\n');
    replacing(path, 'other branch\n', 2);
    await appendLines(path, 'one', 'one');
    assert.equal(readFileSync(path, 'utf8'), 'other branch\none\n');
  });

  it('into a file that is replaced again and again: it is refused', async () => {
    const path = temporary.write('d.jsonl', 'old\n');
    replacing(path, 'other\n', Number.POSITIVE_INFINITY);
    await assert.rejects(appendLines(path, 'one', 'one'), /is replaced again and again by another program/);
    assert.equal(readFileSync(path, 'utf8'), 'other\n');
  });
});
