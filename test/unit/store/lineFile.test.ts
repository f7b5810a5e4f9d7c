import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { LineFile } from '../../../server/store/lineFile.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('a file of lines', () => {
  const temporary = temporaryFolder();
  let number = 0;

  /** What a reader has got since it was reset last; `!` marks an unfinished line, `…` one that is too long. */
  function open(content: string) {
    const path = temporary.write(`${number++}.txt`, content);
    const got: string[] = [];
    const lines = new LineFile<'lines'>(
      path,
      {
        reset: () => {
          got.length = 0;
        },
        line: ({ line, offset, bytes }, tooLong) =>
          void got.push(`${line}@${offset} ${tooLong ? '…' : bytes.toString()}`),
        unfinished({ line, offset, bytes }) {
          if (bytes.toString().startsWith('torn')) return false;
          got.push(`${line}@${offset} ${bytes.toString()}!`);
          return true;
        },
      },
      { kind: 'lines' },
    );
    const stats = () => {
      try {
        return statSync(path);
      } catch {
        return undefined;
      }
    };
    return { path, got, refresh: (options = {}) => lines.refresh(stats(), options) };
  }

  it('is read whole, then only what came', async () => {
    const file = open('a\n\nbé\r\n');
    assert.equal(await file.refresh(), 'grown');
    assert.deepEqual(file.got, ['1@0 a', '2@2 ', '3@3 bé']);
    assert.equal(await file.refresh(), 'same');
    appendFileSync(file.path, 'c\n');
    assert.equal(await file.refresh(), 'grown');
    assert.deepEqual(file.got.slice(3), ['4@8 c']);
  });

  it('an unfinished line is taken when it is whole, and its end is no line', async () => {
    const file = open('a\nb');
    await file.refresh();
    assert.deepEqual(file.got, ['1@0 a', '2@2 b!']);
    appendFileSync(file.path, '\nc\n');
    assert.equal(await file.refresh(), 'grown');
    assert.deepEqual(file.got, ['1@0 a', '2@2 b!', '3@4 c']);
  });

  it('a line that was taken and then goes on is read again', async () => {
    const file = open('a\nb');
    await file.refresh();
    appendFileSync(file.path, 'c\n');
    assert.equal(await file.refresh(), 'reset');
    assert.deepEqual(file.got, ['1@0 a', '2@2 bc']);
  });

  it('a torn line comes again when it has an end', async () => {
    const file = open('a\ntorn');
    await file.refresh();
    assert.deepEqual(file.got, ['1@0 a']);
    appendFileSync(file.path, '\nb\n');
    await file.refresh({ own: true });
    assert.deepEqual(file.got, ['1@0 a', '2@2 torn', '3@7 b']);
  });

  const changed: [what: string, content: string, expected: string[]][] = [
    ['shorter', 'a\n', ['1@0 a']],
    ['other bytes of the same length', 'a\nx\n', ['1@0 a', '2@2 x']],
    ['longer, but with another beginning', 'x\nb\nc\n', ['1@0 x', '2@2 b', '3@4 c']],
    ['empty', '', []],
  ];
  for (const [what, content, expected] of changed) {
    it(`is read again when it is ${what}`, async () => {
      const file = open('a\nb\n');
      await file.refresh();
      unlinkSync(file.path);
      writeFileSync(file.path, content);
      assert.equal(await file.refresh(), 'reset');
      assert.deepEqual(file.got, expected);
    });
  }

  it('is forgotten when it goes, and read when it comes back', async () => {
    const file = open('a\n');
    await file.refresh();
    unlinkSync(file.path);
    assert.equal(await file.refresh(), 'absent');
    assert.deepEqual(file.got, []);
    assert.equal(await file.refresh(), 'same');
    writeFileSync(file.path, 'b\n');
    assert.equal(await file.refresh(), 'grown');
    assert.deepEqual(file.got, ['1@0 b']);
  });

  it('lines across the pieces in which it is read', async () => {
    const long = 'x'.repeat(300_000);
    const file = open(`a\n${long}\nb\n`);
    await file.refresh();
    assert.deepEqual(
      file.got.map((line) => line.length),
      [5, 4 + long.length, `3@${3 + long.length} b`.length],
    );
  });

  it('of a line over 8 MB only the beginning is kept, and what follows it is read', async () => {
    const long = 9 * 2 ** 20;
    const file = open(`a\n${'x'.repeat(long)}\nb\n`);
    await file.refresh();
    const shown = file.got.map((line) => line.slice(0, 20));
    assert.deepEqual(shown, ['1@0 a', '2@2 …', `3@${3 + long} b`]);
    appendFileSync(file.path, 'c\n');
    assert.equal(await file.refresh(), 'grown');
    assert.deepEqual(file.got.slice(3), [`4@${5 + long} c`]);
  });

  it('a line over 8 MB is the same however it came: unfinished, bit by bit, or whole', async () => {
    const long = 'x'.repeat(9 * 2 ** 20);
    const whole = open(`a\n${long}${long}\nb\n`);
    await whole.refresh();
    const file = open(`a\n${long}`);
    await file.refresh();
    for (const more of [long, '\n', 'b\n']) {
      appendFileSync(file.path, more);
      assert.equal(await file.refresh(), 'grown');
    }
    assert.deepEqual(
      file.got.map((line) => line.slice(0, 20)),
      whole.got.map((line) => line.slice(0, 20)),
    );
  });

  it('what was appended bit by bit is looked at whole when another program appends', async () => {
    const file = open('a\n');
    await file.refresh();
    for (let k = 0; k < 3000; k++) {
      appendFileSync(file.path, `${k}\n`);
      await file.refresh({ own: true });
    }
    appendFileSync(file.path, 'foreign\n');
    assert.equal(await file.refresh(), 'grown');
    assert.equal(file.got.length, 3002);
    const bytes = readFileSync(file.path);
    for (const at of [0, 5, bytes.length >> 1, bytes.length - 12]) {
      const changed = Buffer.from(bytes);
      changed[at] = 0x7a;
      writeFileSync(file.path, changed);
      assert.equal(await file.refresh(), 'reset', `byte ${at}`);
      writeFileSync(file.path, bytes);
      assert.equal(await file.refresh(), 'reset');
      appendFileSync(file.path, 'own\n');
      await file.refresh({ own: true });
      writeFileSync(file.path, bytes);
      await file.refresh();
    }
  });
});
