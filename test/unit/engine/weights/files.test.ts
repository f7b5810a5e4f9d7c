import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  openFile,
  quoted,
  readJson,
  restoreInterruptedFolder,
  writeFolderAtomically,
} from '../../../../server/engine/weights/files.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);
const content = (text: string) =>
  new Map([
    ['a.txt', [text]],
    ['b.txt', [text, text]],
  ]);

describe('weight files', () => {
  const folder = temporaryFolder();

  it('writes a folder whole, replaces it whole, and leaves nothing beside it', () => {
    const target = join(folder.path, 'deep', 'adapter');
    for (const text of ['one', 'two']) {
      writeFolderAtomically(target, content(text));
      assert.equal(readFileSync(join(target, 'a.txt'), 'utf8'), text);
      assert.equal(readFileSync(join(target, 'b.txt'), 'utf8'), text + text);
      assert.deepEqual(readdirSync(join(folder.path, 'deep')), ['adapter']);
    }
  });

  it('keeps what else lies in the folder', () => {
    const target = join(folder.path, 'shared');
    mkdirSync(target);
    writeFileSync(join(target, 'notes.md'), 'mine');
    writeFolderAtomically(target, content('new'));
    assert.deepEqual(readdirSync(target), ['a.txt', 'b.txt', 'notes.md']);
    assert.equal(readFileSync(join(target, 'notes.md'), 'utf8'), 'mine');
  });

  it('keeps the old folder when the content fails half way', () => {
    const target = join(folder.path, 'failing');
    writeFolderAtomically(target, content('old'));
    const failing = function* (): Generator<string> {
      yield 'half';
      throw new Error('out of paper');
    };
    const files = new Map<string, Iterable<string>>([
      ['a.txt', ['new']],
      ['b.txt', failing()],
    ]);
    assert.throws(() => writeFolderAtomically(target, files), /out of paper/);
    assert.equal(readFileSync(join(target, 'a.txt'), 'utf8'), 'old');
    assert.ok(!readdirSync(folder.path).some((name) => name.includes('failing.')));
  });

  it('puts the old folder back when it was killed between its two renames', () => {
    const target = join(folder.path, 'killed');
    writeFolderAtomically(target, content('old'));
    renameSync(target, join(folder.path, '.killed.previous'));
    restoreInterruptedFolder(target);
    assert.equal(readFileSync(join(target, 'a.txt'), 'utf8'), 'old');
    restoreInterruptedFolder(target);
    assert.ok(existsSync(target));
    renameSync(target, join(folder.path, '.killed.previous'));
    writeFolderAtomically(target, content('new'));
    assert.equal(readFileSync(join(target, 'a.txt'), 'utf8'), 'new');
    assert.ok(!existsSync(join(folder.path, '.killed.previous')));
  });

  it('says in a sentence why a file cannot be read', () => {
    assert.throws(
      () => openFile(join(folder.path, 'absent')),
      refused(/Cannot read .*absent: there is no such file\./),
    );
    assert.throws(() => openFile(folder.path), refused(/is not a file/));
    assert.throws(() => readJson(folder.path, 1e6), refused(/it is a folder/));
    assert.throws(
      () => readJson(folder.write('broken.json', '{"a": \u001b}'), 1e6),
      refused(/broken\.json is not valid JSON: \P{Cc}*$/u),
    );
    assert.throws(
      () => readJson(folder.write('long.json', ' '.repeat(2000)), 1000),
      refused(/has 2,000 bytes; at most 1,000/),
    );
    assert.throws(
      () => readJson(folder.write('latin.json', Buffer.from([0x22, 0xe9, 0x22])), 1000),
      refused(/is not UTF-8/),
    );
    const file = openFile(folder.write('short', 'abc'));
    assert.throws(() => file.read(new Uint8Array(4), 1), refused(/short ended at byte 3/));
    file.close();
  });

  it('quotes names so that they can neither flood nor steer a terminal', () => {
    const shown = quoted(`a\u001b[2Jb\u202ec\n${'x'.repeat(500)}`);
    assert.match(shown, /^[\x20-\x7e…]{1,150}$/);
    assert.equal(quoted('plain "name"'), '"plain \\"name\\""');
  });
});
