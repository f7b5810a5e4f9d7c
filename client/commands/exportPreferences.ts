import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { exportText } from '../wording/reports.ts';
import { targetOf } from './target.ts';

/** TRL preference rows of everybody's decisions, into a file that is then opened. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const project = await palate.projects.choose(targetOf(palate, from).project);
  if (!project) return;
  const picked = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(project.folder, 'preferences.jsonl')),
    filters: { 'JSON Lines': ['jsonl'] },
    saveLabel: t('Export'),
    title: t('Export Preferences: to which file?'),
  });
  if (!picked) return;
  if (picked.scheme !== 'file') throw new Error(t('{0} is not a file on this machine.', picked.toString()));
  const summary = await palate.server.request('exportPreferences', { project: project.folder, path: picked.fsPath });
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(summary.path));
  void vscode.window.showInformationMessage(exportText(summary));
}
