import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Job, Outcome } from '../../../server/protocol/types.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { runFolders } from '../../support/runFolders.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { type OpenPanel, openPanel, themes } from './panel.ts';
import { trainRun, writtenRun } from './run.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where screenshots go, when somebody wants to look at them. */
const pictures = process.env.PALATE_SCREENSHOTS;

describe('the training panel, as it looks', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  const suite = suiteBrowser();
  let trained = '';
  let longer = '';
  before(async () => {
    trained = await trainRun(temporary.path);
    longer = longerRun(join(temporary.path, 'runs', 'longer'));
  });

  const host = () =>
    runFolders({
      folders: [longer, trained],
      changes: { longer: { runningIn: 'here', title: 'Train: whole pipeline, 24 November, 10:00' } },
      jobs: [job],
      outcomes: { longer: outcome, trained: outcome },
    });

  async function withPanel(
    options: Parameters<typeof openPanel>[2],
    use: (panel: OpenPanel) => Promise<void>,
    of = host(),
  ): Promise<void> {
    const panel = await openPanel(suite.browser, of, options);
    try {
      await panel.page.waitForSelector('.chart canvas');
      await use(panel);
      assert.deepEqual(panel.complaints(), []);
    } finally {
      await panel.close();
    }
  }

  async function shoot({ page }: OpenPanel, name: string): Promise<void> {
    if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  }

  async function serious({ page }: OpenPanel): Promise<string[]> {
    // Like the editor's own scripts it does not come through the page's policy.
    const results = (await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`)) as AxeResults;
    return results.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
      );
  }

  for (const theme of themes) {
    it(`axe finds nothing serious in ${theme}, on any tab`, () =>
      withPanel({ theme }, async (panel) => {
        const { page } = panel;
        await page
          .getByRole('button', { name: /more metrics/ })
          .first()
          .click();
        await page.getByRole('button', { name: 'Table' }).first().click();
        await page.getByLabel('Compare with').selectOption({ index: 1 });
        await page.waitForSelector('.legend:not([hidden])');
        await shoot(panel, `${theme}-curves`);
        assert.deepEqual(await serious(panel), []);
        for (const tab of ['Samples', 'Before and after']) {
          await page.getByRole('tab', { name: tab }).click();
          if (tab !== 'Samples') {
            await page.keyboard.press('d');
            await page.waitForSelector('ins');
          }
          await shoot(panel, `${theme}-${tab.split(' ')[0].toLowerCase()}`);
          assert.deepEqual(await serious(panel), []);
        }
      }));
  }

  for (const width of [320, 700, 1400, 2560]) {
    it(`nothing is cut off or scrolls sideways at ${width} pixels`, () =>
      withPanel({ theme: 'light', width, height: 900 }, async (panel) => {
        for (const tab of ['Curves', 'Samples', 'Before and after']) {
          await panel.page.getByRole('tab', { name: tab }).click();
          await shoot(panel, `width-${width}-${tab.split(' ')[0].toLowerCase()}`);
          const overflow = await panel.page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.equal(overflow, 0, tab);
        }
      }));
  }

  it('charts follow a change of theme', () =>
    withPanel({ theme: 'dark' }, async ({ page }) => {
      const hue = () =>
        page.evaluate(() => {
          const canvas = document.querySelector('.chart canvas') as HTMLCanvasElement;
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          let red = 0;
          for (let k = 0; k < data.length; k += 4) {
            if (data[k + 3] > 200 && data[k] > 200 && data[k + 1] < 60 && data[k + 2] < 60) red++;
          }
          return red;
        });
      assert.equal(await hue(), 0);
      await page.evaluate(() => document.documentElement.style.setProperty('--vscode-charts-blue', '#ff0000'));
      await page.waitForFunction(() => {
        const canvas = document.querySelector('.chart canvas') as HTMLCanvasElement;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        for (let k = 0; k < data.length; k += 4) {
          if (data[k + 3] > 200 && data[k] > 200 && data[k + 1] < 60 && data[k + 2] < 60) return true;
        }
        return false;
      });
    }));

  it('nothing moves by itself where less motion is asked for', () =>
    withPanel({ reducedMotion: true }, async ({ page }) => {
      const moving = await page.evaluate(() => document.getAnimations().length);
      assert.equal(moving, 0);
    }));
});

/** What a run of a few hundred steps looks like, noise included. */
function longerRun(folder: string): string {
  const run = writtenRun(folder, [
    { stage: 'sft', status: 'done', step: 60, steps: 60, seconds: 30 },
    { stage: 'reward', status: 'done', step: 120, steps: 120, seconds: 80 },
    { stage: 'ppo', status: 'running', step: 280, steps: 480, seconds: 300 },
  ]);
  let state = 7;
  const noise = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  for (let step = 1; step <= 60; step++) {
    const loss = 1.2 + 2.5 * Math.exp(-step / 15) + 0.3 * noise();
    run.append({
      stage: 'sft',
      step,
      loss,
      grad_norm: 1 + noise(),
      learning_rate: 2e-4 * (1 - step / 60),
      num_tokens: 300 * step,
      epoch: step / 60,
      seconds: step / 2,
    });
  }
  for (let step = 1; step <= 120; step++) {
    const learnt = 1 - Math.exp(-step / 40);
    run.append({
      stage: 'reward',
      step,
      loss: 0.69 - 0.4 * learnt + 0.1 * noise(),
      accuracy: Math.min(1, 0.5 + 0.35 * learnt + 0.2 * noise()),
      margin: learnt + 0.3 * noise(),
      mean_reward: noise() / 10,
      grad_norm: 1 + noise(),
      learning_rate: 3e-4,
      seconds: step * 0.66,
    });
  }
  run.append({
    stage: 'reward',
    step: 120,
    eval_accuracy: 0.7142,
    eval_margin: 0.81,
    eval_pairs: 42,
    eval_calibration_error: 0.093,
    seconds: 80,
  });
  for (let step = 1; step <= 280; step++) {
    const seconds = step * 1.07;
    if (step % 12 < 8)
      run.append({
        stage: 'ppo',
        step,
        'loss/policy_avg': noise() / 20,
        'policy/approxkl_avg': 0.004 + noise() / 500,
        'policy/clipfrac_avg': 0.05 + noise() / 20,
        'val/ratio': 1 + noise() / 100,
        'policy/grad_norm': step === 100 ? null : 1 + noise(),
        seconds,
      });
    else
      run.append({
        stage: 'ppo',
        step,
        'loss/value_avg': 0.6 * Math.exp(-step / 80) + 0.1 + 0.05 * noise(),
        'val/clipfrac_avg': 0.1 + noise() / 10,
        'val/grad_norm': 2 + noise(),
        seconds,
      });
    if (step % 12 !== 11) continue;
    const learnt = 1 - Math.exp(-step / 100);
    run.append({
      stage: 'ppo',
      step,
      'objective/kl': 6 * learnt + noise(),
      'objective/kl_k3': 6 * learnt,
      'objective/entropy': 60 - 20 * learnt + 3 * noise(),
      'objective/non_score_reward': -0.6 * learnt,
      'objective/scores': 1.6 * learnt + 0.2 * noise(),
      'objective/rlhf_reward': learnt + 0.2 * noise(),
      'objective/kl_coefficient': 0.1,
      'val/num_eos_tokens': 20,
      'response/length': 30 + 8 * noise(),
      lr: 1e-4,
      episode: (32 * (step + 1)) / 12,
      seconds,
    });
    for (let k = 0; k < 3; k++) {
      run.sample({
        stage: 'ppo',
        step,
        prompt: 'Write one friendly sentence about the sea.',
        response: `The sea at step ${step} hums ${'softly '.repeat(4 + 60 * Number(k === 1))}under a patient sky.`,
        reward: learnt + noise(),
      });
    }
  }
  return folder;
}

const job: Job = {
  id: 'job-1',
  project: '/project',
  kind: 'train',
  title: 'Train: whole pipeline',
  status: 'running',
  progress: { what: 'training', stage: 'ppo', done: 280, total: 480, secondsLeft: 214 },
  notices: ['Step 100: the gradient was not finite; the step was skipped.'],
  run: 'longer',
};

const outcome: Outcome = {
  run: 'longer',
  beforeModel: 'sft',
  rewardBefore: 0.12,
  rewardAfter: 0.93,
  rows: [
    {
      prompt: { id: 'a', content: 'Describe a walk in the rain.' },
      before: { text: 'The rain was wet and the walk was long.', finished: true, reward: -0.4 },
      after: { text: 'The rain was soft and the walk was a quiet, silver joy.', finished: true, reward: 1.3 },
    },
    {
      prompt: {
        id: 'b',
        content: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'What is a star?' },
        ],
      },
      before: { text: 'A star is a ball of plasma.', finished: true, reward: 0.64 },
      after: { text: 'A star is a ball of glowing plasma that', finished: false, reward: 0.56 },
    },
  ],
};
