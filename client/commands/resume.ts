import * as vscode from 'vscode';
import type { RunSummary } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { isResumable, runStatusText } from '../wording/stages.ts';
import { targetOf } from './target.ts';

/** Goes on with a run that is paused, failed or was interrupted. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const project = await palate.projects.choose(target.project);
  if (!project) return;
  const runs = await palate.server.request('listRuns', { project: project.folder });
  const open = runs.filter(isResumable).sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
  const picked = target.run === undefined ? await pick(open) : open.find(({ id }) => id === target.run);
  if (!picked) {
    if (open.length === 0 || target.run !== undefined) {
      void vscode.window.showInformationMessage(t('There is no run here that could be gone on with.'));
    }
    return;
  }
  const job = palate.jobs.begun(await palate.server.request('resumeRun', { project: project.folder, run: picked.id }));
  await palate.panels.training(project, { run: job.run ?? picked.id, tab: 'curves' });
}

async function pick(open: readonly RunSummary[]): Promise<RunSummary | undefined> {
  if (open.length < 2) return open[0];
  const rows = open.map((run) => ({ label: run.title, description: run.id, detail: runStatusText(run), run }));
  return (await vscode.window.showQuickPick(rows, { title: t('Resume: which run?') }))?.run;
}
