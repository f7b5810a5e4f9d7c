import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instructPrompts } from '../../server/demo/instructPrompts.ts';
import { UserError } from '../../server/errors.ts';
import { ComparePanel } from '../../test/support/comparePanel.ts';
import { labelAll, longStages, quickStages, writeDemoProject } from '../../test/support/demoProject.ts';
import { type EditorWindow, enterPath } from '../../test/support/editor.ts';
import { builtServer } from '../../test/support/programs.ts';
import { startServer } from '../../test/support/serverClient.ts';
import { testData } from '../../test/support/testData.ts';
import type { Measurement, Report } from '../measure.ts';
import { openInstalledEditor } from '../support/installedEditor.ts';
import { measureLatency, stepsUntilScore } from './support/latency.ts';

const prompts = 20;
const minutes = 60_000;

export const measurement: Measurement = {
  description:
    'In a real VS Code (code-server in Chromium, Palate from its package): SmolLM2-135M-Instruct is added by its path and chosen for the project, answers to 20 prompts are generated, labelled by keys, the reward model is trained from the palette and its score read before a value. And a server while PPO runs on the embedded model: how long requests wait, and after how many optimiser steps a score comes.',
  async run(report) {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'palate-prove-editor-')));
    try {
      await proveWaiting(report, join(folder, 'waiting'));
      await proveRealModel(report, join(folder, 'real'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function proveWaiting(report: Report, folder: string): Promise<void> {
  report.note('requests while PPO runs');
  const project = writeDemoProject(folder, { stages: { ...quickStages, ppo: longStages.ppo } });
  const server = await startServer({ program: builtServer() });
  try {
    await labelAll(server, project);
    const job = await server.call('train', { project, stage: 'all' });
    await server.tells(
      'jobChanged',
      (told) => told.job.id === job.id && told.job.progress?.stage === 'ppo' && told.job.progress.done > 0,
    );
    const { p50, p99, requests } = await measureLatency({ server, project, job, seconds: 30 });
    report.figure('requests to the server while PPO runs', requests, '', { min: 200 });
    report.figure('answered within, median', p50, 'ms');
    report.figure('answered within, p99', p99, 'ms', { max: 50 });
    const { steps, milliseconds } = await stepsUntilScore(server, project, job, 20);
    report.figure('optimiser steps until a score, most of 20', steps, '', { max: 2 });
    report.figure('time until a score, most of 20', milliseconds, 'ms');
  } finally {
    await server.close();
  }
}

async function proveRealModel(report: Report, project: string): Promise<void> {
  const data = testData('SmolLM2-135M-Instruct');
  if (data === undefined) throw new UserError('SmolLM2-135M-Instruct is not in the test data.');
  writeProject(project);
  // The models of the person who proves are not touched.
  const editor = await openInstalledEditor({ 'palate.annotator': 'ann' }, { PALATE_HOME: join(project, '..', 'home') });
  try {
    const window = await editor.window(project);
    await goThePath(report, window, project, join(data, modelFile)).catch(async (error) => {
      await window.screenshot('prove-editor-failed');
      throw error;
    });
    await window.screenshot('prove-editor');
  } finally {
    await editor.close();
  }
}

/** Add a model, generate, label, train, read a score. */
async function goThePath(report: Report, window: EditorWindow, project: string, modelPath: string): Promise<void> {
  const timed = async (what: string, work: () => Promise<void>) => {
    report.note(what);
    const began = performance.now();
    await work();
    report.figure(what, (performance.now() - began) / 1000, 's');
  };
  await timed('add the model by its path', () => addModel(window, modelPath));
  const { model } = JSON.parse(readFileSync(join(project, 'palate.json'), 'utf8'));
  report.figure('palate.json names the model that was added', Number(model === addedName), '', { min: 1 });
  await timed('generate 2 answers to each prompt', () => generate(window));
  const answers = readFileSync(join(project, responsesFile(project)), 'utf8')
    .trim()
    .split('\n');
  const answered = new Set(answers.map((line) => JSON.stringify(JSON.parse(line).prompt)));
  report.figure('prompts answered', answered.size, '', { min: prompts });
  await timed('label by keys', () => labelAllPairs(new ComparePanel(window), report));
  await timed('train the reward model', async () => {
    await window.command('Palate: Train…');
    await window.choose('Reward model');
    await window.choose('Start');
    await window.notification(/reward model: done/i).waitFor({ timeout: 15 * minutes });
  });
  await timed('first score before a value', async () => {
    await window.open(responsesFile(project));
    const hint = window.page.locator('.view-line span', { hasText: /^[+−]\d+\.\d/ });
    await hint.first().waitFor({ timeout: 5 * minutes });
    report.figure('scores on screen', await hint.count(), '', { min: 1 });
  });
}

const modelFile = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const addedName = modelFile.replace('.gguf', '');

/** In a browser the editor asks for a path in a box of its own. */
async function addModel(window: EditorWindow, path: string): Promise<void> {
  await window.command('Palate: Add Model…');
  await window.choose('A GGUF file…');
  await enterPath(window, path);
  await window
    .notification(/is ready: llama/)
    .getByRole('button', { name: 'Use in This Project' })
    .click();
  await window.notification(`now works with ${addedName}`).waitFor();
}

function writeProject(folder: string): void {
  mkdirSync(join(folder, 'prompts'), { recursive: true });
  const generation = { samples: 2, maxNewTokens: 48, temperature: 0.8 };
  const reward = { epochs: 2, batchSize: 4 };
  const config = { version: 1, generate: generation, stages: { reward } };
  writeFileSync(join(folder, 'palate.json'), JSON.stringify(config, null, 2));
  const rows = instructPrompts.train.slice(0, prompts).map((content) => ({ messages: [{ role: 'user', content }] }));
  writeFileSync(join(folder, 'prompts', 'prompts.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

async function generate(window: EditorWindow): Promise<void> {
  await window.command('Palate: Generate Responses…');
  await window.choose(`All ${prompts} prompts`);
  await window.choose('As palate.json says');
  await window.notification(/responses to/).waitFor({ timeout: 15 * minutes });
}

/** The file below responses/ that the editor wrote. */
function responsesFile(project: string): string {
  const [name] = readdirSync(join(project, 'responses'));
  return `responses/${name}`;
}

/** A person who likes the longer answer, until nothing is left. */
async function labelAllPairs(panel: ComparePanel, report: Report): Promise<void> {
  await panel.window.command('Palate: Label Comparisons');
  await panel.ready();
  await panel.focus();
  const total = Number((await panel.progress.innerText()).split(' ').at(-1));
  for (let decided = 0; decided < total; decided++) {
    const [pair, { texts }] = [await panel.pair(), await panel.shown()];
    await panel.press(texts[0].length > texts[1].length ? '1' : '4');
    await panel.waitForDecided(decided + 1);
    if (decided + 1 < total) await panel.ready(pair);
  }
  await panel.saved();
  report.figure('pairs labelled', total, '', { min: prompts - 2 });
}
