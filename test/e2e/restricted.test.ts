import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { processesAreVisible } from '../support/processes.ts';
import { skip } from '../support/skip.ts';

/** Palate as it comes, in an editor as it comes: no folder is open, nothing is set, and no folder is trusted. */
describe('a fresh install, in Restricted Mode', function () {
  this.timeout(120_000);
  const editor = suiteEditor({ trust: 'asked' });
  let window: EditorWindow;
  let panel: ComparePanel;
  const example = () => join(editor.server.folder, 'home', 'palate-example');

  before(async () => {
    // The palette hides what is refused: a person's own key does not.
    const keys = [{ key: 'ctrl+alt+9', command: 'palate.train' }];
    writeFileSync(join(editor.server.folder, 'data', 'User', 'keybindings.json'), JSON.stringify(keys));
    window = await editor.window();
    panel = new ComparePanel(window);
  });

  it('comes to the first label in at most five actions', async () => {
    const actions: [string, () => Promise<void>][] = [
      ['Open Example, from the palette', () => window.command('Palate: Open Example')],
      ['in the home folder', () => window.choose('In your home folder')],
      [
        "the name that git knows, as it's suggested",
        async () => {
          const input = window.quickInput.locator('input').first();
          await input.waitFor();
          assert.match(await input.inputValue(), /^ada.example$/i);
          await window.page.keyboard.press('Enter');
          await panel.ready();
        },
      ],
      ['the label', () => panel.decide('1')],
    ];
    for (const [, act] of actions) await act();
    assert.ok(actions.length <= 5);
    assert.equal(readdirSync(join(example(), 'feedback')).length, 1);
    await window.screenshot('restricted-label');
  });

  it('labels on, texts and pictures, and takes back', async () => {
    await window.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
    const kinds = new Set<string>();
    while (kinds.size < 2) {
      kinds.add((await panel.shown()).kind);
      await panel.decide('1');
    }
    const decided = await panel.decided();
    await panel.press('Control+z');
    await panel.waitForDecided(decided - 1);
  });

  it('hides what starts a model from the palette', async () => {
    await window.page.keyboard.press('F1');
    await window.filter('>Palate: ');
    const row = (title: string) => window.quickInput.locator('.monaco-list-row', { hasText: title });
    await row('Palate: Label Comparisons').first().waitFor();
    for (const title of ['Train…', 'Resume', 'Generate Responses…', 'Score File', 'New Project']) {
      assert.equal(await row(`Palate: ${title}`).count(), 0, title);
    }
    await window.page.keyboard.press('Escape');
  });

  it('says why it does not train, where it is asked to', async () => {
    await window.page.keyboard.press('Control+Alt+9');
    await window.notification(/This workspace is not trusted: you can read and label, but nothing/).waitFor();
    assert.equal(await window.quickInput.isVisible(), false);
    await window.page.locator('.activitybar .action-label[aria-label^="Palate"]').click();
    await window.page.locator('.welcome-view', { hasText: 'to train, trust this folder first' }).waitFor();
    await window.screenshot('restricted-refused');
  });

  it('has computed nothing', function () {
    assert.equal(existsSync(join(example(), '.palate', 'runs')), false);
    if (!processesAreVisible) skip(this, 'processes are only seen on Linux');
    const commands = editor.server.processes().map(({ command }) => command);
    assert.ok(commands.some((command) => /out\/server\/main\.js/.test(command)));
    assert.deepEqual(
      commands.filter((command) => /out\/server\/engine/.test(command)),
      [],
    );
  });

  it('said nothing on the console, and asked nothing of the network', () => {
    assert.deepEqual(window.errors, []);
    assert.deepEqual(window.requests, []);
  });
});
