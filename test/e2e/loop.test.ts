import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComparePanel, cheerfulKey } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { dress, seriousFindings, themes } from '../support/looks.ts';
import { skip } from '../support/skip.ts';

/** The whole loop as a person goes through it, in one window: each test begins where the one before it ended. */
describe('the loop in the editor', function () {
  this.timeout(300_000);
  const editor = suiteEditor();
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  let panel: ComparePanel;

  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
    panel = new ComparePanel(window);
  });
  after(() => workspace?.remove());

  let broken: string | undefined;
  beforeEach(function () {
    if (broken) skip(this, `it goes on from where "${broken}" should have ended`);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') broken ??= this.currentTest.title;
  });

  const counts = { text: 0, image: 0 };

  /** Labels what is shown until there are that many preferences of both kinds. */
  async function labelUntil(text: number, image: number): Promise<void> {
    while (counts.text < text || counts.image < image) {
      const pair = await panel.shown();
      const key = pair.kind === 'image' ? '1' : cheerfulKey(pair.texts);
      await panel.decide(key);
      if (key !== 't') counts[pair.kind]++;
    }
  }

  it('asks for a name once, suggests that of git, and shows a pair', async () => {
    await window.command('Palate: Label Comparisons');
    const input = window.quickInput.locator('input').first();
    await input.waitFor();
    assert.match(await input.inputValue(), /^ada.example$/i);
    await window.page.keyboard.press('Enter');
    await panel.ready();
    assert.deepEqual(window.requests, []);
  });

  it('labels by keys', async () => {
    await panel.focus();
    await labelUntil(6, 2);
    assert.equal(workspace.standing().size, await panel.decided());
  });

  it('takes one back, and it is open again', async () => {
    const [before, pair] = [workspace.standing().size, await panel.pair()];
    await panel.decide('1');
    const next = await panel.pair();
    assert.notEqual(next, pair);
    assert.equal(workspace.standing().size, before + 1);
    await panel.press('Control+z');
    await panel.waitForDecided(before);
    await panel.ready(next);
    assert.equal(await panel.pair(), pair);
    assert.equal(workspace.standing().size, before);
    assert.equal(workspace.feedback().at(-1)?.event, 'undo');
  });

  it('goes on where it was after the window was reloaded', async () => {
    const before = await panel.decided();
    const [pair, shown] = [await panel.pair(), await panel.shown()];
    await window.reload();
    await panel.ready();
    assert.equal(await panel.decided(), before);
    assert.equal(await panel.pair(), pair);
    assert.deepEqual(await panel.shown(), shown);
    await panel.focus();
    await labelUntil(12, 4);
    assert.ok(workspace.standing().size >= 16);
  });

  const training = () => window.panel();
  const stageOf = (name: string) => training().locator('.stages li', { hasText: name });
  /** A reward before a value: "+1.8", an inlay hint. */
  const hints = () => window.page.locator('.view-lines [class*="dyn-rule"]', { hasText: /^[+\u2212-]\d/ });

  it('trains the reward model from the palette', async () => {
    await window.command('Palate: Train…');
    await window.choose('Reward model');
    await window.choose('Start');
    await stageOf('Reward model').filter({ hasText: 'done' }).waitFor({ timeout: 120_000 });
    await window.screenshot('loop-reward');
  });

  it('shows a score before the value of a row', async () => {
    await window.open('responses/reviews.jsonl');
    await hints().first().waitFor({ timeout: 60_000 });
    await window.screenshot('loop-scores');
  });

  it('runs PPO, and serves scores of new rows while it runs', async () => {
    await window.command('Palate: Train…');
    await window.choose('PPO');
    await window.choose('Start');
    await stageOf('PPO')
      .filter({ hasText: /step \d/ })
      .waitFor({ timeout: 60_000 });
    const rows = ['lovely', 'awful'].map((word) => ({
      prompt: 'Review of the new cinema:',
      completion: ` The seats were ${word}.`,
    }));
    writeFileSync(join(workspace.path, 'fresh.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await window.open('fresh.jsonl');
    await hints().nth(1).waitFor({ timeout: 60_000 });
    assert.ok(await window.status(/PPO/).isVisible(), 'PPO still runs');
    await window.screenshot('loop-ppo-scores');
    const [lovely, awful] = (await hints().allInnerTexts()).map((text) => Number(text.replace('\u2212', '-')));
    assert.ok(lovely > awful, `${lovely} > ${awful}`);
  });

  it('draws the curve of PPO while it runs', async () => {
    await window.command('Palate: Show Training');
    const curve = training().locator('.chart[data-metric="objective/scores"]');
    await curve.locator('canvas').waitFor({ timeout: 60_000 });
    const before = await curve.getByRole('img').getAttribute('aria-label');
    await curve.scrollIntoViewIfNeeded();
    // It grows by itself.
    await curve.locator(`[role="img"]:not([aria-label=${JSON.stringify(before)}])`).waitFor({ timeout: 60_000 });
    await window.screenshot('loop-ppo');
    await stageOf('PPO').filter({ hasText: 'done' }).waitFor({ timeout: 240_000 });
  });

  it('compares before and after', async () => {
    await window.command('Palate: Compare Before and After');
    await training().locator('.outcome-row').first().waitFor({ timeout: 120_000 });
    await window.screenshot('loop-outcome');
    assert.deepEqual(await seriousFindings(window), []);
  });

  for (const theme of themes) {
    it(`the training panel, ${theme.name}`, async () => {
      await dress(window, theme);
      for (const tab of ['Curves', 'Samples', 'Before and after']) {
        await training().getByRole('tab', { name: tab }).click();
        await window.screenshot(`training-${tab.split(' ')[0].toLowerCase()}-${theme.name}`);
        assert.deepEqual(await seriousFindings(window), []);
      }
    });
  }

  it('said nothing on the console, and asked nothing of the network', () => {
    assert.deepEqual(window.errors, []);
    assert.deepEqual(window.requests, []);
  });
});
