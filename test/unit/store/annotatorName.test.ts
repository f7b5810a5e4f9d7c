import assert from 'node:assert/strict';
import { annotatorNamed, logFileOf } from '../../../server/store/annotatorName.ts';

describe("annotators' names", () => {
  const names = [
    ...[
      'ann',
      'Ann',
      'ANN',
      'ann.',
      'a',
      'jane.doe@example.com',
      'Jane Doe',
      'jane-doe',
      'Zoë',
      'zoe',
      '李雷',
      '韩梅梅',
      '🦊',
    ],
    ...[
      'con',
      'CON',
      'con.x',
      'nul',
      'com1',
      'lpt9',
      'aux',
      '.',
      '..',
      '../../etc/passwd',
      'a/b',
      'a\\b',
      'a:b',
      '-rf',
      '.hidden',
    ],
    ...[
      'x'.repeat(64),
      'x'.repeat(65),
      'x'.repeat(200),
      'ann ',
      ' ann',
      'a b',
      'a  b',
      "Robert'); DROP TABLE",
      '%00',
      'a*b?',
      'é',
      'e',
    ],
  ].map(annotatorNamed);

  it('become files of their own on every file system, upper case or not', () => {
    const files = [...new Set(names)].map(logFileOf);
    assert.equal(new Set(files.map((file) => file.toLowerCase())).size, files.length);
    for (const file of files) {
      assert.match(file, /^[a-z0-9_][a-z0-9._@+-]*\.jsonl$/);
      assert.doesNotMatch(file, /^(con|prn|aux|nul|com\d|lpt\d)\./);
      assert.doesNotMatch(file, /\.\.|\.\.jsonl$/);
      assert.ok(file.length < 80);
    }
  });

  it('plain ones keep their name', () => {
    assert.deepEqual(['ann', 'jane.doe@example.com', 'a'].map(logFileOf), [
      'ann.jsonl',
      'jane.doe@example.com.jsonl',
      'a.jsonl',
    ]);
  });

  it('others keep what can be kept, and stay what they were', () => {
    assert.deepEqual(['Jane Doe', 'Zoë', '李雷', 'con'].map(logFileOf), [
      'jane-doe-01332c87.jsonl',
      'zoe-c6a12698.jsonl',
      'annotator-3a47328a.jsonl',
      'con-1143da2b.jsonl',
    ]);
  });

  it('are the same in both spellings of Unicode', () => {
    assert.equal(annotatorNamed('Zoe\u0308'), annotatorNamed('Zo\u00eb'));
  });

  for (const name of ['', '  ', 'a\nb', 'a\u0000b', '\u2028', 'x'.repeat(201), '\ud800']) {
    it(`${JSON.stringify(name.slice(0, 20))} is refused`, () => {
      assert.throws(() => annotatorNamed(name), /UserError|annotator/);
    });
  }
});
