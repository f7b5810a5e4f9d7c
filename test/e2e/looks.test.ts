import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';

const themes = [
  { name: 'light', theme: 'Default Light Modern', body: 'vs' },
  { name: 'dark', theme: 'Default Dark Modern', body: 'vs-dark' },
  { name: 'high-contrast', theme: 'Default High Contrast', body: 'hc-black' },
  { name: 'high-contrast-light', theme: 'Default High Contrast Light', body: 'hc-light' },
];

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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
  });
  after(() => workspace?.remove());

  /** Serious and critical findings of axe in the panel on screen, one sentence each. */
  async function serious(): Promise<string[]> {
    const frame = await window.panelFrame();
    await frame.evaluate(axe);
    const { violations } = (await frame.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResults;
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  for (const { name, theme, body } of themes) {
    it(`${name}: comparing`, async () => {
      editor.set('workbench.colorTheme', theme);
      await window.page.locator(`.monaco-workbench.${body}`).waitFor();
      await window.command('Palate: Label Comparisons');
      await panel.ready();
      await panel.focus();
      await window.screenshot(`compare-${name}`);
      assert.deepEqual(await serious(), []);
    });
  }
});
