import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import { suiteEditor } from '../support/editor.ts';

describe('try', () => {
  const editor = suiteEditor();
  it('opens', async () => {
    const workspace = mkdtempSync(join(tmpdir(), 'ws-'));
    cpSync(join(packageRoot(), 'examples'), workspace, { recursive: true });
    const start = Date.now();
    const window = await editor.window(workspace);
    console.log('ready', Date.now() - start);
    await window.open('responses/reviews.jsonl');
    await window.screenshot('try');
    console.log(window.errors, window.requests, editor.server.output);
    console.log(editor.server.processes());
  });
});
