import assert from 'node:assert/strict';
import type { Job, Outcome } from '../../../server/protocol/types.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { hostileTexts } from '../../support/hostileTexts.ts';
import { runFolders } from '../../support/runFolders.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { type OpenPanel, openPanel } from './panel.ts';
import { writtenRun } from './run.ts';

describe('the training panel with hostile texts', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  const suite = suiteBrowser();
  const texts = hostileTexts.map(({ text }) => text);

  /** Only what we make ourselves is in the page, and no text is anything but text. */
  async function assertHarmless(panel: OpenPanel): Promise<void> {
    const foreign = await panel.page.evaluate(() => {
      const ours =
        'main, div, p, span, h2, h3, h4, header, section, article, figure, figcaption, dl, dt, dd, ol, ul, li, ';
      const more =
        'table, caption, thead, tbody, tr, th, td, button, kbd, select, option, input, label, output, progress, ';
      const drawn = 'canvas, svg, line, del, ins, script[src], dialog';
      return [...document.body.querySelectorAll('*')]
        .filter((found) => !found.matches(ours + more + drawn))
        .map(({ outerHTML }) => outerHTML.slice(0, 200));
    });
    assert.deepEqual(foreign, []);
    assert.equal(await panel.page.locator('script').count(), 1);
    const handlers = await panel.page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .flatMap(({ attributes }) => [...attributes])
        .filter(({ name }) => name.startsWith('on'))
        .map(({ name }) => name),
    );
    assert.deepEqual(handlers, []);
    assert.equal(await panel.page.evaluate(() => 'ran' in window), false);
    assert.deepEqual(panel.complaints(), []);
  }

  it('of samples: each is shown, none is more than text', async () => {
    const run = writtenRun(temporary.path, 'samples', [{ stage: 'ppo', status: 'running' }]);
    for (const [k, text] of texts.entries()) {
      run.sample({
        stage: 'ppo',
        step: k + 1,
        prompt: text.slice(0, 5000),
        response: `${text.slice(0, 200_000)} ${k}`,
        reward: k,
      });
    }
    const panel = await openPanel(suite.browser, runFolders({ folders: [run.folder], start: { tab: 'samples' } }));
    try {
      await panel.page.waitForSelector('.sample');
      await panel.page.getByLabel('Step', { exact: true }).selectOption('all');
      for (const more = panel.page.getByRole('button', { name: 'Show more' }); await more.isVisible(); )
        await more.click();
      assert.equal(await panel.page.locator('.sample').count(), texts.length);
      const opened = await panel.page.locator('.folded > button').evaluateAll((buttons) => {
        for (const button of buttons) (button as HTMLElement).click();
        return buttons.length;
      });
      assert.ok(opened > 0);
      await assertHarmless(panel);
    } finally {
      await panel.close();
    }
  });

  it('of answers before and after, with the word difference', async () => {
    const run = writtenRun(temporary.path, 'outcome', [{ stage: 'ppo', status: 'done' }]);
    const short = texts.filter((text) => text.length < 5000);
    const outcome: Outcome = {
      run: 'outcome',
      beforeModel: short[0],
      rows: short.map((text, k) => ({
        prompt: {
          id: String(k),
          content: [
            { role: text, content: text },
            { role: 'user', content: text },
          ],
        },
        before: { text, finished: true, reward: k },
        after: { text: `${text} <b>more</b>`, finished: true, reward: 0 },
      })),
    };
    const folders = runFolders({ folders: [run.folder], outcomes: { outcome }, start: { tab: 'outcome' } });
    const panel = await openPanel(suite.browser, folders);
    try {
      await panel.page.waitForSelector('.outcome-row');
      await assertHarmless(panel);
      await panel.page.keyboard.press('d');
      await panel.page.waitForFunction(
        (count) => document.querySelectorAll('.outcome-row:has(ins)').length === count,
        short.length,
      );
      await assertHarmless(panel);
    } finally {
      await panel.close();
    }
  });

  it('of names, notices, failures and metrics', async () => {
    const short = texts.filter((text) => text.length < 5000);
    const some = short.filter((_, k) => k % 8 === 0);
    const runs = some.map((_, k) => writtenRun(temporary.path, `names-${k}`, [{ stage: 'ppo', status: 'running' }]));
    const [run] = runs;
    const metrics = Object.fromEntries([...some, 'constructor', 'toString'].map((text) => [text, 1]));
    run.append({ stage: 'ppo', step: 1, 'objective/kl': 1, ...metrics });
    run.manifest({ status: 'failed', failure: short.join(' ') });
    const job: Job = {
      id: 'job',
      project: '/project',
      kind: 'train',
      title: short[0],
      status: 'running',
      progress: { what: short[1], done: 1, total: 0 },
      notices: short,
      run: 'names-0',
    };
    const changes = Object.fromEntries(some.map((text, k) => [`names-${k}`, { title: text, base: text }]));
    const folders = runFolders({ folders: runs.map(({ folder }) => folder), changes, jobs: [job] });
    const panel = await openPanel(suite.browser, folders);
    try {
      await panel.page.waitForSelector('[data-metric="objective/kl"] canvas');
      await panel.page.getByRole('button', { name: /more metric/ }).click();
      await panel.page.waitForFunction(
        (count) => document.querySelectorAll('.chart canvas').length === count,
        some.length + 3,
      );
      await panel.page.getByLabel('Compare with').selectOption({ index: 1 });
      await assertHarmless(panel);
      await panel.host.call('job', {
        job: { ...job, status: 'failed', failure: short[2], notices: [...short, short[3]] },
      });
      await assertHarmless(panel);
    } finally {
      await panel.close();
    }
  });

  it('of 5 MB: the panel stays quick', async () => {
    const run = writtenRun(temporary.path, 'large', [{ stage: 'ppo', status: 'running' }]);
    run.sample({
      stage: 'ppo',
      step: 1,
      prompt: 'p',
      response: '<img src=x onerror=alert(1)> '.repeat(180_000),
      reward: 0,
    });
    const panel = await openPanel(suite.browser, runFolders({ folders: [run.folder], start: { tab: 'samples' } }));
    try {
      await panel.page.getByRole('button', { name: 'Show all 5,220,000 characters' }).click();
      await panel.page.getByRole('tab', { name: 'Curves' }).click();
      await panel.page.getByRole('tab', { name: 'Samples' }).click();
      await assertHarmless(panel);
    } finally {
      await panel.close();
    }
  });
});
