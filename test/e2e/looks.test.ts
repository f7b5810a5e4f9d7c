import assert from 'node:assert/strict';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { dress, seriousFindings, themes } from '../support/looks.ts';

describe('how the panels look', function () {
  this.timeout(120_000);
  const editor = suiteEditor({ settings: { 'palate.annotator': 'ada' } });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  let panel: ComparePanel;

  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
    panel = new ComparePanel(window);
    await window.command('Palate: Label Comparisons');
    await panel.ready();
  });
  after(() => workspace?.remove());

  for (const theme of themes) {
    it(`comparing texts and pictures, ${theme.name}`, async () => {
      await dress(window, theme);
      await panel.focus();
      for (const kind of ['text', 'image'] as const) {
        while ((await panel.shown()).kind !== kind) await panel.decide('1');
        await window.screenshot(`compare-${kind}-${theme.name}`);
        assert.deepEqual(await seriousFindings(window), []);
      }
    });
  }

  it('nothing was said on the console, and nothing left the machine', () => {
    assert.deepEqual(window.errors, []);
    assert.deepEqual(window.requests, []);
  });
});
