import * as vscode from 'vscode';
import type { RunSummary } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { runStatusText } from '../wording/stages.ts';
import { targetOf } from './target.ts';

/** The same prompts answered before and after a run, computed where it was not yet, in the training panel. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const project = await palate.projects.choose(target.project);
  if (!project) return;
  const runs = await palate.server.request('listRuns', { project: project.folder });
  const picked = target.run === undefined ? await pick(runs) : runs.find(({ id }) => id === target.run);
  if (!picked) {
    if (runs.filter(hasModel).length === 0) {
      throw new Error(t('Nothing was trained yet that could be compared: run Palate: Train… first.'));
    }
    return;
  }
  const view = { run: picked.id, tab: 'outcome' } as const;
  const where = { project: project.folder, run: picked.id };
  // The panel shows what there is by itself: who asks there wants it computed.
  if (asksAgain(from) || (await palate.server.request('readOutcome', where)) === null) {
    if (!vscode.workspace.isTrusted) {
      throw new Error(t('Comparing starts the models of this folder: trust the workspace first.'));
    }
    const job = await palate.server.request('outcome', where);
    const ended = await palate.jobs.follow(palate.jobs.begun(job));
    if (ended.status !== 'done') return;
  }
  palate.steps.done('compare');
  await palate.panels.training(project, view);
}

const asksAgain = (from: unknown): boolean =>
  typeof from === 'object' && from !== null && 'again' in from && from.again === true;

/** A policy, or at least what SFT made of the base. */
const hasModel = (run: RunSummary): boolean =>
  run.stages.some(({ stage, status }) => stage !== 'reward' && status === 'done');

/** Newest first; the only one without asking. */
async function pick(runs: readonly RunSummary[]): Promise<RunSummary | undefined> {
  const usable = runs.filter(hasModel).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (usable.length < 2) return usable[0];
  const rows = usable.map((run) => ({ label: run.title, description: run.id, detail: runStatusText(run), run }));
  return (await vscode.window.showQuickPick(rows, { title: t('Compare Before and After: which run?') }))?.run;
}
