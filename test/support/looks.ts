import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { EditorWindow } from './editor.ts';

/** VS Code's own themes of the four kinds, by the name in its list, and how the window and a panel tell the kind. */
export const themes = [
  { name: 'light', theme: 'Light Modern', workbench: 'vs', page: 'vscode-light' },
  { name: 'dark', theme: 'Dark Modern', workbench: 'vs-dark', page: 'vscode-dark' },
  { name: 'high-contrast', theme: 'Dark High Contrast', workbench: 'hc-black', page: 'vscode-high-contrast' },
  {
    name: 'high-contrast-light',
    theme: 'Light High Contrast',
    workbench: 'hc-light',
    page: 'vscode-high-contrast-light',
  },
] as const;

type Theme = (typeof themes)[number];

/** Changes the editor's theme, and waits until the panel on screen has its colours. */
export async function dress(window: EditorWindow, theme: Theme): Promise<void> {
  await dressWorkbench(window, theme);
  await window.panel().locator(`body.${theme.page}`).waitFor();
}

/** The same where no panel is on screen. */
export async function dressWorkbench(window: EditorWindow, { theme, workbench }: Theme): Promise<void> {
  await window.command('Preferences: Color Theme');
  await window.filter(theme);
  await window.choose(theme);
  await window.page.locator(`.monaco-workbench.${workbench}`).waitFor();
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
