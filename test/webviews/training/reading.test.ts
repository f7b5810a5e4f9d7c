import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Outcome } from '../../../server/protocol/types.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { type RunFolders, type RunFoldersOptions, runFolders } from '../../support/runFolders.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { chart, ink, rows } from './look.ts';
import { type OpenPanel, openPanel } from './panel.ts';
import { type WrittenRun, writtenRun } from './run.ts';

describe('reading curves, samples and answers', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  const suite = suiteBrowser();
  let names = 0;

  const newRun = (): WrittenRun =>
    writtenRun(temporary.path, `read-${++names}`, [
      { stage: 'ppo', status: 'done', step: 100, steps: 100, seconds: 200 },
    ]);

  async function withPanel(
    options: RunFoldersOptions,
    use: (panel: OpenPanel, folders: RunFolders) => Promise<void>,
    theme?: Parameters<typeof openPanel>[2],
  ): Promise<void> {
    const folders = runFolders(options);
    const panel = await openPanel(suite.browser, folders, theme);
    try {
      await use(panel, folders);
      assert.deepEqual(panel.complaints(), []);
    } finally {
      await panel.close();
    }
  }

  /** Two metrics over 100 steps, 2 s each. */
  function twoCurves(): WrittenRun {
    const run = newRun();
    for (let step = 1; step <= 100; step++) {
      run.append({ stage: 'ppo', step, 'objective/kl': step, 'objective/scores': -step, seconds: 2 * step });
    }
    return run;
  }

  const readout = (page: Page, metric: string) => chart(page, 'ppo', metric).locator('.readout').textContent();

  it('the cursor stands at the same step in every chart, and each says its value', () =>
    withPanel({ folders: [twoCurves().folder] }, async ({ page }) => {
      await page.getByLabel('Smoothing').fill('0');
      const over = chart(page, 'ppo', 'objective/kl').locator('.u-over');
      const { width, height } = (await over.boundingBox())!;
      await over.hover({ position: { x: width / 2, y: height / 2 } });
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent?.startsWith('step'));
      const [, step] = /^step (\d+): \1$/.exec((await readout(page, 'objective/kl')) ?? '') ?? [];
      assert.ok(Math.abs(Number(step) - 50) < 3, step);
      assert.equal(await readout(page, 'objective/scores'), `step ${step}: −${step}`);
      await page.mouse.move(1, 1);
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent === '−100');
    }));

  it('drawing over a part zooms every chart of the stage into it, and there is a way back', () =>
    withPanel({ folders: [twoCurves().folder] }, async ({ page }) => {
      await page.getByLabel('Smoothing').fill('0');
      const over = chart(page, 'ppo', 'objective/kl').locator('.u-over');
      const box = (await over.boundingBox())!;
      const drag = async (from: number, to: number) => {
        await page.mouse.move(box.x + box.width * from, box.y + 20);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * to, box.y + 30, { steps: 4 });
        await page.mouse.up();
      };
      const back = page.getByRole('button', { name: 'Show all steps' });
      assert.equal(await back.isVisible(), false);
      await drag(0.5, 0.75);
      await back.waitFor();
      // The pointer at the right edge is at step 75 now, in both charts.
      const other = chart(page, 'ppo', 'objective/scores').locator('.u-over');
      const { width } = (await other.boundingBox())!;
      await other.hover({ position: { x: width - 1, y: 20 } });
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent?.startsWith('step 7'));
      assert.match((await readout(page, 'objective/kl')) ?? '', /^step 7[3-7]: 7[3-7]$/);
      await back.click();
      assert.equal(await back.isVisible(), false);
      await drag(0.1, 0.3);
      await back.waitFor();
      await over.dblclick();
      await back.waitFor({ state: 'hidden' });
    }));

  it('the keyboard reads values, zooms, and shows everything again', () =>
    withPanel({ folders: [twoCurves().folder] }, async ({ page }) => {
      await page.getByLabel('Smoothing').fill('0');
      const picture = chart(page, 'ppo', 'objective/kl').getByRole('img');
      assert.equal(
        await picture.getAttribute('aria-label'),
        'KL to the reference: 100 values, lowest 1 at step 1, highest 100 at step 100, last 100. Arrow keys read them.',
      );
      await picture.focus();
      for (const [key, expected] of [
        ['ArrowLeft', 'step 100: 100'],
        ['ArrowLeft', 'step 99: 99'],
        ['PageUp', 'step 94: 94'],
        ['Home', 'step 1: 1'],
        ['ArrowRight', 'step 2: 2'],
        ['End', 'step 100: 100'],
      ]) {
        await page.keyboard.press(key);
        assert.equal(await readout(page, 'objective/kl'), expected, key);
        assert.equal((await page.locator('[role=status][aria-live]').first().textContent())?.trim(), expected, key);
      }
      const back = page.getByRole('button', { name: 'Show all steps' });
      await page.keyboard.press('+');
      await back.waitFor();
      await page.keyboard.press('0');
      await back.waitFor({ state: 'hidden' });
      await page.keyboard.press('Escape');
      assert.equal(await readout(page, 'objective/kl'), '100');
    }));

  it('time instead of steps, a logarithm, another run beside', async () => {
    const run = twoCurves();
    const other = newRun();
    // Written before lines had a time: 200 s for 100 steps.
    for (let step = 1; step <= 50; step++) other.append({ stage: 'ppo', step, 'objective/kl': 7 });
    const changes = { [`read-${names}`]: { title: 'Other' } };
    await withPanel({ folders: [run.folder, other.folder], changes }, async ({ page }) => {
      await page.getByLabel('Smoothing').fill('0');
      const before = await ink(page, 'ppo', 'objective/kl');
      await page.getByLabel('Compare with').selectOption(`read-${names}`);
      await page.waitForSelector('.legend:not([hidden])');
      assert.match((await page.locator('.legend').textContent()) ?? '', /^PPO, .*\d.*Other, .*\d/);
      assert.deepEqual((await rows(page, 'ppo', 'objective/kl'))[49], ['50', '100', '50', '7']);
      assert.deepEqual((await rows(page, 'ppo', 'objective/kl'))[50], ['51', '102', '51', '–']);
      const picture = chart(page, 'ppo', 'objective/kl').getByRole('img');
      await page.getByLabel('Along').selectOption('time');
      await picture.focus();
      await page.keyboard.press('Home');
      await chart(page, 'ppo', 'objective/kl')
        .locator('.readout')
        .filter({ hasText: /^2 s: 1, Other, .* 7$/ })
        .waitFor();
      await chart(page, 'ppo', 'objective/kl').getByRole('button', { name: 'Log' }).click();
      assert.notEqual(await ink(page, 'ppo', 'objective/kl'), before);
      // Nothing above 0: no logarithm is offered.
      assert.equal(
        await chart(page, 'ppo', 'objective/scores').getByRole('button', { name: 'Log' }).isDisabled(),
        true,
      );
    });
  });

  it('copies every row of a table, exact to the last digit', async () => {
    const run = newRun();
    for (let step = 1; step <= 250; step++) run.append({ stage: 'ppo', step, 'objective/kl': step / 3, seconds: step });
    await withPanel({ folders: [run.folder] }, async ({ page }) => {
      await page.getByLabel('Smoothing').fill('0');
      await rows(page, 'ppo', 'objective/kl');
      await chart(page, 'ppo', 'objective/kl').getByRole('button', { name: 'Copy as TSV' }).click();
      await page.waitForFunction(() =>
        /Copied 250 rows/.test(document.querySelector('[role=status]')?.textContent ?? ''),
      );
      const lines = (await page.evaluate(() => navigator.clipboard.readText())).trimEnd().split('\n');
      assert.deepEqual([lines.length, lines[0], lines[10]], [251, 'Step\tSeconds\tValue', `10\t10\t${10 / 3}`]);
    });
  });

  it('100,000 points: a new one, smoothing and zooming are answered at once', async () => {
    const run = newRun();
    for (let step = 1; step <= 20_000; step++) {
      const value = Math.sin(step / 999);
      run.append({
        stage: 'ppo',
        step,
        'objective/kl': value,
        'objective/scores': value,
        'objective/entropy': value,
        'response/length': value,
        'loss/value_avg': value,
        seconds: step,
      });
    }
    await withPanel({ folders: [run.folder] }, async ({ page, host }) => {
      await page.waitForFunction(() => document.querySelectorAll('.chart canvas').length === 5);
      // What the page's only thread does in one go, from here on.
      await page.evaluate(() => {
        Object.assign(window, { longest: 0 });
        new PerformanceObserver((list) => {
          const found = window as unknown as { longest: number };
          for (const { duration } of list.getEntries()) found.longest = Math.max(found.longest, duration);
        }).observe({ entryTypes: ['longtask'] });
      });
      for (let step = 20_001; step <= 20_010; step++) {
        run.append({ stage: 'ppo', step, 'objective/kl': step, seconds: step });
        await host.call('grew', { run: `read-${names}` });
        await page.waitForFunction(
          (last) => document.querySelector('[data-metric="objective/kl"] .readout')?.textContent === last,
          String(step),
        );
      }
      for (const value of ['0.1', '0.5', '0.9']) await page.getByLabel('Smoothing').fill(value);
      const longest = await page.evaluate(() => (window as unknown as { longest: number }).longest);
      assert.ok(longest < 400, `${longest} ms`);
    });
  });

  it('samples are read step by step, sorted and searched', async () => {
    const run = newRun();
    for (const step of [10, 20, 30]) {
      for (let k = 0; k < 30; k++) {
        run.sample({
          stage: 'ppo',
          step,
          prompt: `Prompt ${k}`,
          response: `answer ${k} of ${step}`,
          reward: k === 3 ? null : k / 10,
        });
      }
    }
    await withPanel({ folders: [run.folder], start: { tab: 'samples' } }, async ({ page }) => {
      const found = () =>
        page.locator('.sample').evaluateAll((all) => all.map((one) => one.querySelectorAll('.text')[1].textContent));
      await page.waitForSelector('.sample');
      assert.deepEqual((await found()).slice(0, 2), ['answer 0 of 30', 'answer 1 of 30']);
      await page.getByRole('button', { name: 'Earlier step' }).click();
      assert.equal((await found())[0], 'answer 0 of 20');
      await page.locator('#sample-order').selectOption('best');
      assert.deepEqual([(await found())[0], (await found()).at(-1)], ['answer 29 of 20', 'answer 3 of 20']);
      await page.locator('#sample-order').selectOption('worst');
      assert.equal((await found())[0], 'answer 0 of 20');
      await page.getByLabel('Reward at least').fill('2.5');
      assert.equal((await found()).length, 5);
      await page.getByLabel('Step', { exact: true }).selectOption('all');
      assert.equal((await found()).length, 15);
      await page.getByLabel('With', { exact: true }).fill('ANSWER 27');
      assert.equal((await found()).length, 3);
      await page.getByLabel('With', { exact: true }).fill('nothing like this');
      await page.getByText('No sample is like this').waitFor();
      await page.getByLabel('With', { exact: true }).fill('');
      await page.getByLabel('Reward at least').fill('');
      assert.equal((await found()).length, 50);
      await page.getByRole('button', { name: 'Show more' }).click();
      assert.equal((await found()).length, 90);
    });
  });

  it('a sample that is being read stays unfolded while the run goes on', async () => {
    const run = newRun();
    run.sample({ stage: 'ppo', step: 1, prompt: 'p', response: `${'long '.repeat(1000)}end`, reward: 0 });
    const changes = { [`read-${names}`]: { runningIn: 'here' as const } };
    await withPanel({ folders: [run.folder], changes, start: { tab: 'samples' } }, async ({ page, host }) => {
      const text = () => page.locator('.sample .text').nth(1).textContent();
      const endsWithEnd = page.locator('.sample .text').nth(1).filter({ hasText: /end$/ });
      await page.waitForSelector('.sample');
      assert.ok(!(await text())?.endsWith('end'));
      await page.getByRole('button', { name: 'Show all 5,003 characters' }).click();
      await endsWithEnd.waitFor();
      run.append({ stage: 'ppo', step: 2, 'objective/kl': 1 });
      run.sample({ stage: 'ppo', step: 1, prompt: 'p2', response: 'r2', reward: 0 });
      await host.call('grew', { run: `read-${names}` });
      await page.getByText('2 of 2 samples').waitFor();
      assert.ok((await text())?.endsWith('end'));
      await page.getByRole('button', { name: 'Show less' }).click();
      await endsWithEnd.waitFor({ state: 'detached' });
    });
  });

  it('before and after: means, share improved, order, word difference by key, computed on request', async () => {
    const run = newRun();
    const id = `read-${names}`;
    const row = (k: number, before: number, after: number) => ({
      prompt: { id: String(k), content: `question ${k}` },
      before: { text: `the old answer ${k}`, finished: true, reward: before },
      after: { text: `the new answer ${k}`, finished: k !== 2, reward: after },
    });
    const outcome: Outcome = {
      run: id,
      beforeModel: 'base',
      rewardBefore: 0.1,
      rewardAfter: 0.4,
      rows: [row(1, 0, 0.25), row(2, 0, -0.5), row(3, 0.3, 1.5)],
    };
    await withPanel({ folders: [run.folder], start: { tab: 'outcome' } }, async ({ page, host }, folders) => {
      await page.getByRole('button', { name: 'Compare before and after' }).click();
      assert.deepEqual(folders.acts, [`outcome ${id}`]);
      const job = { id: 'o', project: '/p', kind: 'outcome', title: 'Before and after', notices: [], run: id } as const;
      const progress = { what: 'generating', done: 3, total: 8 };
      await host.call('job', { job: { ...job, status: 'running', progress } });
      await page.getByText('generating, 3 of 8').waitFor();
      folders.options = { ...folders.options, outcomes: { [id]: outcome } };
      await host.call('job', { job: { ...job, status: 'done' } });
      await page.waitForSelector('.outcome-row');
      assert.match(
        (await page.locator('.figures').last().textContent()) ?? '',
        /Prompts3Before \(base model\), mean reward\+0\.1After, mean reward\+0\.4Improved2 of 3 \(67 %\)/,
      );
      const prompts = () => page.locator('.outcome-row > .folded .text').allTextContents();
      assert.deepEqual(await prompts(), ['question 3', 'question 1', 'question 2']);
      await page.locator('#outcome-order').selectOption('worse');
      assert.deepEqual(await prompts(), ['question 2', 'question 1', 'question 3']);
      assert.match((await page.locator('.outcome-row').first().textContent()) ?? '', /Change −0\.5.*cut/);
      await page.keyboard.press('d');
      await page.waitForFunction(() => document.querySelectorAll('ins').length === 3);
      assert.deepEqual(
        [await page.locator('del').first().textContent(), await page.locator('ins').first().textContent()],
        ['old', 'new'],
      );
      await page.keyboard.press('d');
      await page.waitForFunction(() => document.querySelectorAll('ins').length === 0);
    });
  });
});
