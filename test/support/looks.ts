import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Editor, EditorWindow } from './editor.ts';

/** VS Code's own themes of the four kinds, and the class that tells the kind. */
export const themes = [
  { name: 'light', theme: 'Light Modern', kind: 'vs' },
  { name: 'dark', theme: 'Dark Modern', kind: 'vs-dark' },
  { name: 'high-contrast', theme: 'Default High Contrast', kind: 'hc-black' },
  { name: 'high-contrast-light', theme: 'Default High Contrast Light', kind: 'hc-light' },
] as const;

/** Changes the editor's theme, and waits until the panel on screen has its colours. */
export async function dress(editor: Editor, window: EditorWindow, theme: (typeof themes)[number]): Promise<void> {
  editor.set('workbench.colorTheme', theme.theme);
  await window.page.locator(`.monaco-workbench.${theme.kind}`).waitFor();
  const kinds = { vs: 'light', 'vs-dark': 'dark', 'hc-black': 'high-contrast', 'hc-light': 'high-contrast-light' };
  await window.panel().locator(`body.vscode-${kinds[theme.kind]}`).waitFor();
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious and critical findings of axe in the panel on screen, one sentence each. */
export async function seriousFindings(window: EditorWindow): Promise<string[]> {
  const frame = await window.panelFrame();
  await frame.evaluate(axe);
  const { violations } = (await frame.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
