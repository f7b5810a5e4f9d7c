import assert from 'node:assert/strict';
import { applyEdits, parse } from 'jsonc-parser';
import { modelEdits } from '../../../../client/wording/projectEdits.ts';

describe('a model written into palate.json', () => {
  const edited = (text: string, model = 'org/name') => applyEdits(text, [...(modelEdits(text, model) ?? [])]);

  it('changes the model and nothing else, comments and spaces included', () => {
    const text = '{\n    // of the file\n    "version": 1,   "model": "embedded", /* why */ "seed":7\n}\n';
    assert.equal(edited(text), text.replace('"embedded"', '"org/name"'));
  });

  it('comes after the version where there was none, indented as the rest', () => {
    assert.equal(
      edited('{\n\t"version": 1,\n\t"seed": 7\n}\n'),
      '{\n\t"version": 1,\n\t"model": "org/name",\n\t"seed": 7\n}\n',
    );
    assert.equal(edited('{\r\n  "version": 1\r\n}'), '{\r\n  "version": 1,\r\n  "model": "org/name"\r\n}');
    assert.deepEqual(parse(edited('{"version":1}')), { version: 1, model: 'org/name' });
    assert.deepEqual(parse(edited('{}')), { model: 'org/name' });
  });

  it('a name cannot become another key', () => {
    const odd = 'a", "engine": "b\n\\';
    assert.deepEqual(parse(edited('{"version":1,"model":"embedded"}', odd)), { version: 1, model: odd });
  });

  it('what is no JSON object is left alone', () => {
    for (const text of ['', '{', '[]', '"x"', 'null', '{"version": }'])
      assert.equal(modelEdits(text, 'm'), undefined, text);
  });
});
