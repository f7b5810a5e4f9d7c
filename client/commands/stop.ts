import * as vscode from 'vscode';
import type { Job } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { progressText } from '../wording/stages.ts';
import { targetOf } from './target.ts';

/** Saves, then stops. What was stopped on purpose is not offered again by itself; Resume goes on with it. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const live = palate.jobs.live.filter(
    (job) =>
      (target.project === undefined || job.project === target.project) &&
      (target.run === undefined || job.run === target.run),
  );
  const job = live.length > 1 ? await pick(live) : live[0];
  if (!job) {
    if (live.length === 0) void vscode.window.showInformationMessage(await whyNothing(palate, target));
    return;
  }
  const { stopping } = await palate.server.request('stopJob', { job: job.id, forget: true });
  if (!stopping) return;
  const title = t('{0}: saving, then stopping', job.title);
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
    palate.jobs.ended(job),
  );
}

async function pick(live: readonly Job[]): Promise<Job | undefined> {
  const rows = live.map((job) => ({
    label: job.title,
    ...(job.progress && { description: progressText(job.progress) }),
    job,
  }));
  return (await vscode.window.showQuickPick(rows, { title: t('Stop: which one?') }))?.job;
}

/** A run of a terminal or another window is not ours to stop. */
async function whyNothing({ server, projects }: Palate, { project }: { readonly project?: string }): Promise<string> {
  const folders = project === undefined ? projects.list.map(({ folder }) => folder) : [project];
  const runs = await Promise.all(folders.map((folder) => server.request('listRuns', { project: folder })));
  const other = runs.flat().find(({ runningIn }) => runningIn === 'elsewhere');
  return other
    ? t('The run {0} belongs to another window or a terminal: stop it there.', other.title)
    : t('Nothing runs that could be stopped.');
}
