import assert from 'node:assert/strict';
import { annotatorNameProblem, suggestAnnotatorName } from '../../../../client/wording/annotatorName.ts';

describe('name of an annotator', () => {
  const suggestions: [full: string, expected: string][] = [
    ['Ada Lovelace', 'ada-lovelace'],
    ['  Änne  Müller ', 'anne-muller'],
    ['jean.dupont', 'jean.dupont'],
    ['../../etc/passwd', 'etc-passwd'],
    ['山田', ''],
    ['', ''],
    [`${'x'.repeat(39)} y`, 'x'.repeat(39)],
  ];
  for (const [full, expected] of suggestions) {
    it(`suggests "${expected}" for "${full}"`, () => assert.equal(suggestAnnotatorName(full), expected));
  }

  it('takes what the store takes', () => {
    for (const name of ['ada', 'Ada Lovelace', '山田', 'a'.repeat(200)]) {
      assert.equal(annotatorNameProblem(name), undefined, name);
    }
  });

  it('says what is wrong', () => {
    assert.match(annotatorNameProblem('  ') ?? '', /needed/);
    assert.match(annotatorNameProblem('a\nb') ?? '', /one line/);
    assert.match(annotatorNameProblem('a\u0000') ?? '', /one line/);
    assert.match(annotatorNameProblem('a'.repeat(201)) ?? '', /at most 200/);
  });
});
