import assert from 'node:assert/strict';
import { parseReference, referenceText } from '../../../server/hub/reference.ts';

describe('the name of a model of the hub', () => {
  for (const [text, expected] of [
    ['org/name', { repository: 'org/name' }],
    ['HuggingFaceTB/SmolLM2-135M.v1_x', { repository: 'HuggingFaceTB/SmolLM2-135M.v1_x' }],
    ['org/name@main', { repository: 'org/name' }],
    ['org/name@v1.0', { repository: 'org/name', revision: 'v1.0' }],
    ['org/name@refs/pr/1', { repository: 'org/name', revision: 'refs/pr/1' }],
    ['org/name:m.Q4_K_M.gguf', { repository: 'org/name', file: 'm.Q4_K_M.gguf' }],
    ['org/name@v1:sub/m.gguf', { repository: 'org/name', revision: 'v1', file: 'sub/m.gguf' }],
  ] as const) {
    it(`${text} is one`, () => {
      assert.deepEqual(parseReference(text), expected);
      assert.deepEqual(parseReference(referenceText(expected)), expected);
    });
  }

  for (const text of [
    'name',
    './org/name',
    '/org/name',
    'org/name/more',
    'org\\name',
    'models/x.gguf',
    'a--b/c',
    '../name',
    'org/..',
    'org/na..me',
    'org/name@../main',
    'org/name@a/../../b',
    'org/name@',
    'org/name:../m.gguf',
    'org/name:/m.gguf',
    'org/name:m.bin',
    'org/name:a\\b.gguf',
    'org/na me',
    '',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parseReference(text), undefined));
  }
});
