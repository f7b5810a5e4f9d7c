import * as vscode from 'vscode';
import { serverSettings } from './connection/settings.ts';
import type { Palate } from './palate.ts';
import { t } from './translate.ts';
import { isOffered, whereRunStands } from './wording/stages.ts';

/** Once, when a project is opened: its newest run that was cut off. The server resumes by itself where that is set. */
export async function offerInterrupted({ server, projects }: Palate): Promise<void> {
  if (!vscode.workspace.isTrusted || serverSettings().onInterruptedRun !== 'offer') return;
  for (const project of projects.list) {
    const runs = await server.request('listRuns', { project: project.folder });
    const [run] = runs.filter(isOffered).sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
    if (!run) continue;
    const [resume, show, leave] = [t('Resume'), t('Show'), t("Don't Ask Again")];
    const message = t(
      'Training stopped at {0} ({1}). Everything up to there is saved.',
      whereRunStands(run),
      run.title,
    );
    const answer = await vscode.window.showInformationMessage(message, resume, show, leave);
    const target = { project: project.folder, run: run.id };
    if (answer === resume) await vscode.commands.executeCommand('palate.resume', target);
    if (answer === show) await vscode.commands.executeCommand('palate.showTraining', target);
    if (answer === leave) await server.request('forgetRun', target);
  }
}
