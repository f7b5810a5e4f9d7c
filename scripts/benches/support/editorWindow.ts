import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComparePanel } from '../../../test/support/comparePanel.ts';
import type { EditorWindow } from '../../../test/support/editor.ts';
import { openInstalledEditor } from '../../support/installedEditor.ts';
import type { Measured } from './figures.ts';
import { makeLabelledProject } from './labels.ts';

const keys = 100;

/** How long a person waits: for the extension to start, and from a key to the next pair on the screen. */
export async function measureInEditor(decisions: number): Promise<Measured[]> {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'palate-bench-editor-')));
  await makeLabelledProject(project, { decisions });
  const editor = await openInstalledEditor({ 'palate.annotator': 'ann' });
  try {
    const window = await editor.window(project);
    const activation = await activationMilliseconds(window);
    await window.command('Palate: Label Comparisons');
    const times = await timesOfChoices(new ComparePanel(window));
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
    return [
      { name: 'activation', value: activation, unit: 'ms', bar: { max: 300 } },
      { name: 'choice to next pair painted, median', value: at(0.5), unit: 'ms' },
      { name: `choice to next pair painted, p99 of ${keys}`, value: at(0.99), unit: 'ms', bar: { max: 50 } },
    ];
  } finally {
    await editor.close();
    rmSync(project, { recursive: true, force: true });
  }
}

/** As VS Code itself tells it. */
async function activationMilliseconds(window: EditorWindow): Promise<number> {
  const { page } = window;
  const size = page.viewportSize() ?? { width: 1400, height: 900 };
  // Rows that are out of sight are not in the page.
  await page.setViewportSize({ ...size, height: 2500 });
  await window.command('Developer: Show Running Extensions');
  const list = page.locator('.runtime-extensions-editor');
  const time = list.locator('.monaco-list-row', { hasText: /^Palate/ }).locator('.activation-time');
  await time.filter({ hasText: /\d+ms/ }).waitFor();
  const milliseconds = Number((await time.innerText()).match(/(\d+)ms/)?.[1]);
  await page.setViewportSize(size);
  await window.command('View: Close Editor');
  await list.waitFor({ state: 'hidden' });
  return milliseconds;
}

/** Milliseconds from each key to the frame that shows another pair, by the page's own clock. */
async function timesOfChoices(panel: ComparePanel): Promise<number[]> {
  await panel.ready();
  await panel.focus();
  const frame = await panel.window.panelFrame();
  // As text: this file is compiled without the browser's types.
  await frame.evaluate(`
    globalThis.pressed = [];
    addEventListener('keydown', ({ timeStamp }) => pressed.push(timeStamp), { capture: true });
    performance.clearMarks();
  `);
  for (let k = 0; k < keys; k++) {
    const pair = await panel.pair();
    await panel.press(k % 2 === 0 ? '1' : '4');
    await panel.ready(pair);
  }
  return frame.evaluate(`
    const painted = performance.getEntriesByName('palate:painted').map(({ startTime }) => startTime);
    pressed.map((at, k) => painted[k] - at);
  `);
}
