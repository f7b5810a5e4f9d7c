import assert from 'node:assert/strict';
import { isHubName, libraryRow, readyText } from '../../../../client/wording/library.ts';
import { progressText } from '../../../../client/wording/stages.ts';
import { statusText } from '../../../../client/wording/statusText.ts';
import { parseReference } from '../../../../server/hub/reference.ts';
import type { LibraryModel } from '../../../../server/protocol/types.ts';
import { aJob } from './facts.ts';

describe('models in words', () => {
  const model: LibraryModel = {
    name: 'org/name',
    source: 'cache',
    path: '/hub/x',
    family: 'llama',
    parameters: 134_515_008,
    bytes: 91_700_000,
  };

  it('a row says what a model is and where it comes from, or why it cannot be used', () => {
    assert.deepEqual(libraryRow(model), {
      label: '$(package) org/name',
      description: 'llama, 135 million weights, 92 MB · in the Hugging Face cache',
      detail: '/hub/x',
    });
    const broken: LibraryModel = { name: 'x', source: 'added', path: '/x', problem: '/x is gone.' };
    assert.deepEqual(libraryRow(broken), { label: '$(warning) x', description: 'added', detail: '/x is gone.' });
    assert.equal(readyText(model), 'org/name is ready: llama, 135 million weights, 92 MB.');
  });

  it('takes for a name of the hub what the server takes for one', () => {
    for (const text of [
      'org/name',
      'org/name@v1',
      'org/name@refs/pr/1',
      'org/name:a.gguf',
      'name',
      '/a/b',
      'a b/c',
      '',
    ]) {
      assert.equal(isHubName(text), parseReference(text) !== undefined, text);
    }
  });

  it('a download says bytes, pace and what is left', () => {
    const progress = {
      what: 'downloading',
      done: 212e6,
      total: 853e6,
      unit: 'bytes',
      perSecond: 12e6,
      secondsLeft: 53,
    };
    assert.equal(progressText({ ...progress, unit: 'bytes' }), 'downloading 212 MB of 853 MB, 12 MB/s, 1 min left');
    assert.equal(progressText({ what: 'downloading', done: 5e6, total: 0, unit: 'bytes' }), 'downloading 5 MB');
    const job = aJob({ kind: 'download', run: undefined, progress: { ...progress, unit: 'bytes' } });
    assert.equal(statusText('running', [job]).text, '$(sync~spin) downloading 212 MB of 853 MB, 12 MB/s, 1 min left');
  });
});
