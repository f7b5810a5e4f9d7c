import assert from 'node:assert/strict';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';

/** Every plain key that decides, skips or takes back in the panel is in it. */
const typed = 'banana 1234 txgs';

describe('typing elsewhere while the comparison panel is open', function () {
  this.timeout(120_000);
  const editor = suiteEditor({
    settings: { 'palate.annotator': 'ada', 'terminal.integrated.gpuAcceleration': 'off' },
  });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  let panel: ComparePanel;

  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
    panel = new ComparePanel(window);
    await window.command('Palate: Label Comparisons');
    await panel.ready();
    await panel.focus();
    await panel.decide('1');
  });
  after(() => workspace?.remove());

  /** The panel listened before and listens again after: only what came between recorded nothing. */
  async function recordsNothing(type: () => Promise<void>): Promise<void> {
    const before = workspace.feedback();
    await type();
    assert.ok(await panel.response('A').isVisible(), 'the panel is still open');
    assert.deepEqual(workspace.feedback(), before);
    await panel.focus();
    await panel.decide('2');
    assert.equal(workspace.feedback().length, before.length + 1);
  }

  it('Search records nothing', () =>
    recordsNothing(async () => {
      await window.page.keyboard.press('Control+Shift+F');
      const box = window.page.locator('.search-view .search-widget .input').first();
      await box.waitFor();
      await window.page.keyboard.type(typed);
      await window.page.keyboard.press('Enter');
      await window.page.locator('.search-view .message', { hasText: 'No results' }).waitFor();
    }));

  it('the terminal records nothing', () =>
    recordsNothing(async () => {
      await window.page.keyboard.press('Control+`');
      await window.page.locator('.terminal.xterm.focus').waitFor();
      await window.page.keyboard.type(`echo ${typed.toUpperCase()} | tr A-Z a-z`);
      await window.page.keyboard.press('Enter');
      await window.page.locator('.xterm-rows > div', { hasText: new RegExp(`^${typed}`) }).waitFor();
      await window.page.keyboard.press('Control+`');
    }));

  it('the Explorer records nothing', () =>
    recordsNothing(async () => {
      await window.page.keyboard.press('Control+Shift+E');
      const list = window.page.locator('.explorer-folders-view .monaco-list');
      await list.locator('.monaco-list-row').first().click();
      await window.page.keyboard.type('palate');
      await list.locator('.monaco-list-row.focused', { hasText: 'palate.json' }).waitFor();
    }));

  it('the commit box records nothing', () =>
    recordsNothing(async () => {
      await window.page.keyboard.press('Control+Shift+G');
      const box = window.page.locator('.scm-view .scm-editor .monaco-editor').first();
      await box.click();
      await window.page.keyboard.type(typed);
      await window.page.locator('.scm-view .scm-editor .view-line', { hasText: 'banana' }).waitFor();
    }));

  it('the comment field records nothing', () =>
    recordsNothing(async () => {
      await panel.focus();
      await panel.press('c');
      const field = panel.page.locator('textarea:focus, vscode-textarea:focus-within');
      await field.waitFor();
      await window.page.keyboard.type(typed);
      await window.page.keyboard.press('Escape');
    }));
});
