import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EditorWindow, enterFolder, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { goldenModel, realModelHub } from '../support/hubSuite.ts';

describe('a model is added in the editor', function () {
  this.timeout(180_000);
  const own = realModelHub();
  const editor = suiteEditor({ env: own.env });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
  });
  after(() => workspace?.remove());

  const config = () => readFileSync(join(workspace.path, 'palate.json'), 'utf8');
  async function useIt(ready: RegExp, name: string): Promise<void> {
    await window.notification(ready).getByRole('button', { name: 'Use in This Project' }).click();
    await window.notification(`now works with ${name}`).waitFor();
  }

  it('by its path, and written into palate.json, which stays as it was otherwise', async () => {
    const before = config();
    await window.command('Palate: Add Model…');
    await window.choose('A Hugging Face folder…');
    await enterFolder(window, goldenModel);
    await useIt(/tied is ready: llama/, 'tied');
    const { model, ...rest } = JSON.parse(config());
    const { model: _, ...was } = JSON.parse(before);
    assert.deepEqual([model, rest], ['tied', was]);
    assert.deepEqual(own.hub.asked, []);
  });

  it('of the hub: downloaded, listed the next time, and shown as the base in use', async () => {
    await window.command('Palate: Add Model…');
    await window.choose('A model of the Hugging Face hub…');
    await window.quickInput.getByText('which one of the hub?').waitFor();
    await window.filter('org/name');
    await window.page.keyboard.press('Enter');
    await useIt(/org\/name is ready: llama/, 'org/name');
    assert.equal(JSON.parse(config()).model, 'org/name');
    await window.command('Palate: Add Model…');
    await window.quickInput.locator('.monaco-list-row', { hasText: 'org/name' }).waitFor();
    await window.screenshot('add-model');
    await window.page.keyboard.press('Escape');
    assert.deepEqual(window.errors, []);
  });
});
