import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { dressWorkbench, themes } from '../support/looks.ts';
import { processesAreVisible } from '../support/processes.ts';
import { skip } from '../support/skip.ts';

/** A project from nothing, each step by its command: a test begins where the one before it ended. */
describe('the commands of the palette', function () {
  this.timeout(120_000);
  const editor = suiteEditor({ settings: { 'palate.annotator': 'ada' } });
  let folder: string;
  let window: EditorWindow;
  let panel: ComparePanel;

  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'palate-palette-')));
    writeFileSync(join(folder, 'rows.jsonl'), `${JSON.stringify({ prompt: 'A', completion: 'B' })}\n`);
    window = await editor.window(folder);
    panel = new ComparePanel(window);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  let broken: string | undefined;
  beforeEach(function () {
    if (broken) skip(this, `it goes on from where "${broken}" should have ended`);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') broken ??= this.currentTest.title;
  });

  const servers = () => editor.server.processes().filter(({ command }) => /out\/server\/main\.js/.test(command));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const rows = (name: string) => read(name).trim().split('\n');
  const tab = (name: string) => window.page.locator('.tab', { hasText: name }).first();
  const hints = () => window.page.locator('.view-lines [class*="dyn-rule"]', { hasText: /^[+\u2212-]\d/ });

  it('start no server in a folder that is no project', async function () {
    if (!processesAreVisible) skip(this, 'processes are only seen on Linux');
    await window.open('rows.jsonl');
    // The views know whether there is a project: the extension has looked.
    await window.page.locator('.activitybar .action-label[aria-label^="Palate"]').click();
    await window.page.locator('.welcome-view', { hasText: 'Everything stays on this machine.' }).waitFor();
    assert.deepEqual(servers(), []);
  });

  it('New Project makes one of the open folder', async () => {
    await window.command('Palate: New Project');
    await window.choose(folder.split('/').at(-1) as string);
    await window.choose('Embedded model');
    await tab('palate.json').waitFor();
    assert.equal(JSON.parse(read('palate.json')).version, 1);
    assert.match(read('.gitattributes'), /feedback\/.* merge=union/);
    if (processesAreVisible) assert.equal(servers().length, 1);
    // A reward model that is there within seconds, but not at once: it is stopped below.
    const config = { ...JSON.parse(read('palate.json')), stages: { reward: { batchSize: 4, epochs: 30, heldOut: 0 } } };
    writeFileSync(join(folder, 'palate.json'), JSON.stringify(config, null, 2));
  });

  it('Label Comparisons shows what Generate Responses made', async () => {
    await window.command('Palate: Generate Responses…');
    await window.choose('All');
    await window.choose('As palate.json');
    await window.notification(/responses to/).waitFor({ timeout: 60_000 });
    await window.command('Palate: Label Comparisons');
    await panel.ready();
    await panel.focus();
    for (let k = 0; k < 8; k++) await panel.decide(k % 2 === 0 ? '1' : '4');
  });

  const stage = () => window.panel().locator('.stages li', { hasText: 'Reward model' });

  it('Stop saves and stops what trains, Resume goes on with it', async () => {
    await window.command('Palate: Train…');
    await window.choose('Reward model');
    await window.choose('Start');
    await stage()
      .filter({ hasText: /step \d/ })
      .waitFor({ timeout: 60_000 });
    await window.command('Palate: Stop');
    await window.notification(/is paused; everything up to here is saved/).waitFor({ timeout: 30_000 });
    await stage().filter({ hasText: 'done' }).waitFor({ state: 'detached' });
    await window.command('Palate: Resume');
    await stage().filter({ hasText: 'done' }).waitFor({ timeout: 90_000 });
  });

  it('Toggle Inline Scores takes them away and brings them back', async () => {
    await window.open('rows.jsonl');
    await hints().first().waitFor({ timeout: 60_000 });
    for (const theme of themes) {
      await dressWorkbench(window, theme);
      await hints().first().waitFor();
      await window.screenshot(`scores-${theme.name}`);
    }
    await window.command('Palate: Toggle Inline Scores');
    await window.notification('Inline scores are off').waitFor();
    await hints().first().waitFor({ state: 'detached' });
    await window.command('Palate: Toggle Inline Scores');
    await hints().first().waitFor();
  });

  it('Score Selection says the reward of what is selected', async () => {
    await window.page.locator('.view-line').first().click();
    await window.page.keyboard.press('Home');
    await window.page.keyboard.press('Shift+End');
    await window.command('Palate: Score Selection');
    await window.notification(/^Reward [+−]\d/).waitFor();
    await window.screenshot('score-selection');
  });

  it('Score File writes the rewards beside the file and opens them', async () => {
    await window.command('Palate: Score File');
    await tab('scores.jsonl').waitFor();
    await window.screenshot('score-file');
  });

  it('Score File is offered for a file that the editor keeps to itself', async () => {
    const row = `${JSON.stringify({ prompt: 'A', completion: 'b'.repeat(10_000) })}\n`;
    writeFileSync(join(folder, 'large.jsonl'), row.repeat(5300));
    await window.open('large.jsonl');
    const said = window.notification(/large\.jsonl has 5\d MB\. The editor hands no file over 50 MB to extensions/);
    await said.getByRole('button', { name: 'Score File' }).waitFor();
    await window.screenshot('large-file');
  });

  it('Export Preferences writes a row for every decision and opens them', async () => {
    await window.command('Palate: Export Preferences…');
    await window.quickInput.locator('.quick-input-box input').waitFor();
    await window.page.keyboard.press('Enter');
    await tab('preferences.jsonl').waitFor();
    assert.equal(rows('preferences.jsonl').length, 8);
    const columns = Object.keys(JSON.parse(rows('preferences.jsonl')[0]));
    for (const column of ['prompt', 'chosen', 'rejected', 'annotator']) assert.ok(columns.includes(column), column);
  });

  it('said nothing on the console, and asked nothing of the network', () => {
    assert.deepEqual(window.errors, []);
    assert.deepEqual(window.requests, []);
  });
});
