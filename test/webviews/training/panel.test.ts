import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { takeRunLock } from '../../../server/engine/run/lock.ts';
import type { Job, MetricsPoint } from '../../../server/protocol/types.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { type RunFolders, type RunFoldersOptions, runFolders } from '../../support/runFolders.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { chart, ink, rows } from './look.ts';
import { type OpenPanel, openPanel } from './panel.ts';
import { trainRun, writtenRun } from './run.ts';

describe('the training panel', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  const suite = suiteBrowser();
  let trained = '';
  let names = 0;
  before(async () => {
    trained = await trainRun(temporary.path);
  });

  const newRun = () => writtenRun(temporary.path, `run-${++names}`, [{ stage: 'ppo', status: 'running', steps: 100 }]);

  async function withPanel(
    options: RunFoldersOptions,
    use: (panel: OpenPanel, folders: RunFolders) => Promise<void>,
  ): Promise<void> {
    const folders = runFolders(options);
    const panel = await openPanel(suite.browser, folders);
    try {
      await use(panel, folders);
      assert.deepEqual(panel.complaints(), []);
    } finally {
      await panel.close();
    }
  }

  const pointsOf = (folder: string): MetricsPoint[] =>
    readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const { stage, step, seconds, ...metrics } = JSON.parse(line);
        return { stage, step, seconds, metrics };
      });

  it('draws a real run: every metric has a curve, an explanation, and a table with every value', () =>
    withPanel({ folders: [trained] }, async ({ page }) => {
      await page.waitForSelector('[data-stage="ppo"] .chart canvas');
      for (const stage of ['sft', 'reward', 'ppo']) {
        await page
          .locator(`section[data-stage="${stage}"]`)
          .getByRole('button', { name: /more metrics/ })
          .click();
      }
      const points = pointsOf(trained);
      for (const stage of ['sft', 'reward', 'ppo'] as const) {
        const ofStage = points.filter((point) => point.stage === stage);
        const metrics = [...new Set(ofStage.flatMap((point) => Object.keys(point.metrics)))];
        assert.ok(metrics.length >= 5);
        for (const metric of metrics) {
          if (metric.startsWith('eval_')) {
            assert.match(
              (await page.locator(`[data-stage="${stage}"] [data-metric="${metric}"] dd`).textContent()) ?? '',
              /\d/,
            );
            continue;
          }
          assert.ok((await ink(page, stage, metric)) > 10, `${stage} ${metric} is blank`);
          const about = (await chart(page, stage, metric).locator('.about').textContent()) ?? '';
          assert.match(about, /^[A-Z].*; .*\.$|^[A-Z].*, .*\.$|^[A-Z].* unless .*\.$/, metric);
          // PPO's means at the end of an iteration are not repeated.
          const isUpdate = ofStage.some((point) => metric in point.metrics && !('episode' in point.metrics));
          const expected = ofStage
            .filter((point) => metric in point.metrics && !(isUpdate && 'episode' in point.metrics))
            .map((point) => [String(point.step), String(point.seconds), String(point.metrics[metric])]);
          const found = (await rows(page, stage, metric)).map((cells) => cells.slice(0, 3));
          assert.deepEqual(found, expected, `${stage} ${metric}`);
        }
      }
    }));

  it('grows while the run goes on, and says where it is', async () => {
    const run = newRun();
    const id = 'run-1';
    const changes = { [id]: { runningIn: 'here' as const } };
    run.append({ stage: 'ppo', step: 1, 'loss/policy_avg': 0.5, seconds: 1 });
    await withPanel({ folders: [run.folder], changes, jobs: [trainJob(id)] }, async ({ page, host }, folders) => {
      const readout = chart(page, 'ppo', 'loss/policy_avg').locator('.readout');
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent === '0.5');
      assert.match((await page.locator('.status').textContent()) ?? '', /Running: training. About 5 min left/);
      assert.match((await page.locator('.stages').textContent()) ?? '', /step 12 of 100/);
      const before = await ink(page, 'ppo', 'loss/policy_avg');
      for (let step = 2; step <= 40; step++) {
        run.append({ stage: 'ppo', step, 'loss/policy_avg': Math.sin(step), seconds: step });
        await host.call('grew', { run: id });
      }
      await page.waitForFunction((last) => document.querySelector('.readout')?.textContent === last, '0.7451');
      assert.ok((await ink(page, 'ppo', 'loss/policy_avg')) > before);
      assert.equal((await rows(page, 'ppo', 'loss/policy_avg')).length, 40);
      // It read on from where it was, not from the start.
      assert.equal(folders.reads.filter((read) => read === `${id} 0 0`).length, 1, folders.reads.join('\n'));
      await host.call('job', { job: { ...trainJob(id), status: 'stopping' } });
      await page.waitForFunction(() => document.querySelector('.status')?.textContent === 'Saving, then stopping.');
      assert.equal(await page.getByRole('button', { name: 'Stopping…' }).isDisabled(), true);
      assert.equal(await readout.textContent(), '0.7451');
    });
  });

  it('comes back after a reload with its history, its tab and what was chosen', async () => {
    const run = newRun();
    for (let step = 1; step <= 300; step++)
      run.append({ stage: 'ppo', step, 'objective/kl': step / 10, seconds: step });
    run.sample({ stage: 'ppo', step: 3, prompt: 'p', response: 'r', reward: 1 });
    await withPanel({ folders: [trained, run.folder] }, async (panel) => {
      const { page } = panel;
      await page.getByLabel('Run', { exact: true }).selectOption(`run-${names}`);
      await page.waitForSelector('[data-metric="objective/kl"] canvas');
      await page.getByLabel('Smoothing').fill('0.25');
      await page.getByLabel('Along').selectOption('time');
      await chart(page, 'ppo', 'objective/kl').getByRole('button', { name: 'Log' }).click();
      await page.getByRole('tab', { name: 'Samples' }).click();
      await panel.reload();
      await page.waitForSelector('.sample');
      assert.equal(await page.getByRole('tab', { name: 'Samples' }).getAttribute('aria-selected'), 'true');
      await page.getByRole('tab', { name: 'Curves' }).click();
      assert.equal(await page.getByLabel('Smoothing').inputValue(), '0.25');
      assert.equal(await page.getByLabel('Along').inputValue(), 'time');
      const kl = chart(page, 'ppo', 'objective/kl');
      assert.equal(await kl.getByRole('button', { name: 'Log' }).getAttribute('aria-pressed'), 'true');
      const found = await rows(page, 'ppo', 'objective/kl');
      // The newest page of the table.
      assert.deepEqual([found.length, found.at(-1)?.slice(0, 3)], [100, ['300', '300', '30']]);
      assert.match((await kl.locator('.data-table').textContent()) ?? '', /201–300 of 300/);
      await kl.getByRole('button', { name: 'Earlier' }).click();
      assert.equal((await rows(page, 'ppo', 'objective/kl'))[0][0], '101');
    });
  });

  it('reads again from 0 when a resumed run took lines back', async () => {
    const run = newRun();
    const id = `run-${names}`;
    const write = (from: number, to: number, value: number) => {
      for (let step = from; step <= to; step++) {
        run.append({ stage: 'ppo', step, 'objective/kl': value, seconds: step });
        run.sample({ stage: 'ppo', step, prompt: 'p', response: `value ${value}`, reward: value });
      }
    };
    write(1, 5, 1);
    const { metrics, samples } = run.positions;
    write(6, 10, 2);
    const valuesOf = async (page: Page) => (await rows(page, 'ppo', 'objective/kl')).map((cells) => Number(cells[2]));
    const options = { folders: [run.folder], changes: { [id]: { runningIn: 'here' as const } } };
    await withPanel(options, async ({ page, host }, folders) => {
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent === '2');
      // Shorter than before.
      run.cut(metrics, samples);
      write(6, 7, 33);
      await host.call('grew', { run: id });
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent === '33');
      assert.deepEqual(await valuesOf(page), [1, 1, 1, 1, 1, 33, 33]);
      // Stopped, gone on with, and longer than before by the time that it is read.
      run.manifest({ status: 'paused' });
      folders.options = { ...folders.options, changes: {} };
      await host.call('runs', { runs: await folders.runs() });
      await page.waitForFunction(() => document.querySelector('.status')?.textContent?.startsWith('Paused'));
      run.cut(metrics, samples);
      write(6, 12, 444);
      run.manifest({ status: 'running' });
      folders.options = options;
      await host.call('grew', { run: id });
      await page.waitForFunction(() => document.querySelector('.readout')?.textContent === '444');
      assert.deepEqual(await valuesOf(page), [1, 1, 1, 1, 1, 444, 444, 444, 444, 444, 444, 444]);
      await page.getByRole('tab', { name: 'Samples' }).click();
      await page
        .locator('.samples [role=status]')
        .filter({ hasText: /1 of 12 samples/ })
        .waitFor();
    });
  });

  it('a value that was not finite is a gap, and an unknown metric is shown under its name', async () => {
    const run = newRun();
    for (let step = 1; step <= 9; step++) {
      run.append({ stage: 'ppo', step, 'objective/kl': step === 5 ? null : 1, 'new/metric': step, seconds: step });
    }
    await withPanel({ folders: [run.folder] }, async ({ page }) => {
      await page.waitForSelector('[data-metric="objective/kl"] canvas');
      assert.deepEqual((await rows(page, 'ppo', 'objective/kl'))[4], ['5', '5', '–', '–']);
      await page.getByRole('button', { name: /more metrics/ }).click();
      assert.match((await chart(page, 'ppo', 'new/metric').textContent()) ?? '', /new\/metric.*no explanation of it/s);
      if (process.env.PALATE_SCREENSHOTS)
        await page.screenshot({ path: join(process.env.PALATE_SCREENSHOTS, 'gap.png'), fullPage: true });
      // A column of the picture in the middle holds no line.
      const [middle, beside] = await chart(page, 'ppo', 'objective/kl')
        .locator('canvas')
        .evaluate((canvas: HTMLCanvasElement) => {
          const over = canvas.parentElement!.querySelector('.u-over') as HTMLElement;
          const column = (share: number) => {
            const x = Math.round((over.offsetLeft + over.offsetWidth * share) * devicePixelRatio);
            const { data } = canvas.getContext('2d')!.getImageData(x, 0, 1, canvas.height);
            let blue = 0;
            for (let k = 0; k < data.length; k += 4)
              if (data[k + 2] > 180 && data[k] < 130 && data[k + 3] > 200) blue++;
            return blue;
          };
          return [column(0.5), column(0.31)];
        });
      assert.deepEqual([middle, beside > 0], [0, true]);
    });
  });

  it('an empty project says what to do; a run that comes is shown', async () => {
    const run = newRun();
    await withPanel({ folders: [] }, async ({ page, host }, folders) => {
      await page.getByText('No runs yet').waitFor();
      await page.getByRole('button', { name: 'Train…' }).click();
      assert.deepEqual(folders.acts, ['train']);
      folders.options = { folders: [run.folder] };
      await host.call('runs', { runs: await folders.runs() });
      await page.waitForSelector('.stages li');
      assert.equal(await page.getByText('No runs yet').isVisible(), false);
      await host.call('runs', { runs: [] });
      await page.getByText('No runs yet').waitFor();
    });
  });

  it('offers what fits the run: stop, resume, train, folder, delete', async () => {
    const run = newRun();
    const id = `run-${names}`;
    run.manifest({ status: 'failed', failure: 'The disk is full.' });
    await withPanel({ folders: [run.folder] }, async ({ page, host }, folders) => {
      await page.getByRole('button', { name: 'Resume' }).click();
      assert.match((await page.locator('.status').textContent()) ?? '', /^Failed. The disk is full.$/);
      await page.getByRole('button', { name: 'Train…' }).click();
      await page.getByRole('button', { name: 'Open folder' }).click();
      await page.getByRole('button', { name: 'Delete…' }).click();
      assert.deepEqual(folders.acts, [`resume ${id}`, 'train', `openFolder ${id}`, `delete ${id}`]);
      run.manifest({ status: 'running', failure: undefined });
      folders.options = { ...folders.options, changes: { [id]: { runningIn: 'here' } } };
      await host.call('runs', { runs: await folders.runs() });
      await page.getByRole('button', { name: 'Stop' }).click();
      assert.equal(folders.acts.at(-1), `stop ${id}`);
      assert.equal(await page.getByRole('button', { name: 'Delete…' }).count(), 0);
      folders.options = { ...folders.options, changes: {} };
      const lock = takeRunLock(run.folder);
      await host.call('runs', { runs: await folders.runs() });
      lock.release();
      await page.getByText('Running in another window or a terminal').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Stop' }).count(), 0);
    });
  });

  it('shows the host’s sentence when something cannot be done or read, and goes on', async () => {
    const run = newRun();
    const id = `run-${names}`;
    run.append({ stage: 'ppo', step: 1, 'objective/kl': 1 });
    const folders = runFolders({ folders: [run.folder] });
    let broken = true;
    const failing = {
      ...folders,
      act() {
        throw new Error('The run is locked by process 12.');
      },
      read: (params: Parameters<typeof folders.read>[0]) => {
        if (broken) throw new Error('The file cannot be read.');
        return folders.read(params);
      },
    };
    const panel = await openPanel(suite.browser, failing);
    try {
      await panel.page.getByText('The file cannot be read.').waitFor();
      broken = false;
      await panel.host.call('grew', { run: id });
      await panel.page.waitForSelector('[data-metric="objective/kl"] canvas');
      assert.equal(await panel.page.getByText('The file cannot be read.').isVisible(), false);
      await panel.page.getByRole('button', { name: 'Resume' }).click();
      await panel.page.getByText('The run is locked by process 12.').waitFor();
      // What makes no sense is answered or dropped.
      await panel.page.evaluate(() => window.postMessage({ kind: 'request', id: 77, method: 'nonsense' }, '*'));
      await panel.page.evaluate(() => window.postMessage('nonsense', '*'));
      await panel.host.call('grew', { run: 'another' });
      assert.deepEqual(panel.complaints(), []);
    } finally {
      await panel.close();
    }
  });

  it('“show” brings a run and a tab to the front', async () => {
    const run = newRun();
    run.append({ stage: 'ppo', step: 1, 'objective/kl': 1 });
    await withPanel({ folders: [trained, run.folder] }, async ({ page, host }) => {
      await page.waitForSelector('[data-stage="sft"] canvas');
      await host.call('show', { run: `run-${names}`, tab: 'samples' });
      await page.getByText('No samples yet').waitFor();
      assert.equal(await page.getByLabel('Run', { exact: true }).inputValue(), `run-${names}`);
    });
  });
});

const trainJob = (run: string): Job => ({
  id: 'job',
  project: '/project',
  kind: 'train',
  title: 'Train',
  status: 'running',
  progress: { what: 'training', stage: 'ppo', done: 12, total: 100, secondsLeft: 300 },
  notices: [],
  run,
});
