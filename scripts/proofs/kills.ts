import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelAll, writeDemoProject } from '../../test/support/demoProject.ts';
import { builtServer } from '../../test/support/programs.ts';
import { startServer } from '../../test/support/serverClient.ts';
import type { Measurement } from '../measure.ts';
import { killWhileWorking } from './support/kills.ts';

const kills = Number(process.env.PALATE_KILLS) || 300;

/** The project's own run lasts about so many kills: it shall be interrupted in every stage, and come to its end. */
const stages = {
  sft: { epochs: 4, batchSize: 4, microBatchTokens: 256 },
  reward: { epochs: 2, batchSize: 4, microBatchTokens: 256 },
  ppo: { iterations: 3, rolloutBatch: 8, batchSize: 4, maxNewTokens: 12, microBatchTokens: 256 },
};

export const measurement: Measurement = {
  description:
    'The server or its engine is killed (SIGKILL) at random moments of labelling and training on the embedded model; ' +
    'PALATE_KILLS says how often.',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'palate-kills-'));
    const program = builtServer();
    try {
      const project = writeDemoProject(join(folder, 'project'), { stages, prompts: 16 });
      // Some preferences to train on from the first moment; the comparisons that are left are labelled meanwhile.
      const server = await startServer({ program });
      await labelAll(server, project, 'bob');
      await server.close();
      writeDemoProject(project, { stages, prompts: 2000 });
      const note = (text: string) => report.note(text);
      const result = await killWhileWorking({ program, project, kills, note });
      report.figure('kills of the server', result.serverKills, '', { min: kills / 4 });
      report.figure('kills of the engine', result.engineKills, '', { min: kills / 6 });
      report.figure('labels acknowledged', result.labels, '', { min: kills });
      report.figure('labels lost', result.lostLabels, '', { max: 0 });
      report.figure('times unreadable', result.unreadable, '', { max: 0 });
      report.figure('times that training did not go on', result.stuck, '', { max: 0 });
      report.figure('runs that came to their end', result.finishedRuns, '', { min: 1 });
      report.figure('processes left behind', result.orphans, '', { max: 0 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
