import * as vscode from 'vscode';
import type { RunSummary } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { runStatusText } from '../wording/stages.ts';
import { targetOf } from './target.ts';

/** Removes a run's folder, with its models, after a question: it can't be undone. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const project = await palate.projects.choose(target.project);
  if (!project) return;
  const runs = (await palate.server.request('listRuns', { project: project.folder })).filter(
    ({ runningIn }) => runningIn === 'nowhere',
  );
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(t('There is no run that could be deleted.'));
    return;
  }
  const picked = target.run === undefined ? await pick(runs) : runs.find(({ id }) => id === target.run);
  if (!picked) return;
  const remove = t('Delete');
  const answer = await vscode.window.showWarningMessage(
    t('Delete the run {0}?', picked.title),
    {
      modal: true,
      detail: t('Its models, curves and samples are removed from {0}. This cannot be undone.', picked.folder),
    },
    remove,
  );
  if (answer === remove) await palate.server.request('deleteRun', { project: project.folder, run: picked.id });
}

async function pick(runs: readonly RunSummary[]): Promise<RunSummary | undefined> {
  const rows = runs.map((run) => ({ label: run.title, description: run.id, detail: runStatusText(run), run }));
  return (await vscode.window.showQuickPick(rows, { title: t('Delete Run: which one?') }))?.run;
}
