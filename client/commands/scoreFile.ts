import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { holdsRows } from '../wording/largeFile.ts';

/** Rewards of every row of a file, however large, written beside it and opened. */
export async function run(palate: Palate, clicked?: unknown): Promise<void> {
  const file = asUri(clicked) ?? fileInFront() ?? (await pickFile());
  if (!file) return;
  if (file.scheme !== 'file') throw new Error(t('{0} is not a file on this machine.', file.toString()));
  const project = palate.projects.of(file) ?? (await palate.projects.choose());
  if (!project) return;
  await vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file.toString())?.save();
  const job = await palate.server.request('scoreFile', { project: project.folder, file: file.fsPath });
  const ended = await palate.jobs.follow(palate.jobs.begun(job));
  if (ended.status !== 'done' || ended.output === undefined) return;
  palate.steps.done('scores');
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(ended.output));
}

/** From the explorer, or as a lens of the server names it. */
function asUri(clicked: unknown): vscode.Uri | undefined {
  if (clicked instanceof vscode.Uri) return clicked;
  return typeof clicked === 'string' && clicked.startsWith('file:') ? vscode.Uri.parse(clicked) : undefined;
}

/** A file too large for the editor has a tab, but no text editor. */
function fileInFront(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const uri = input instanceof vscode.TabInputText ? input.uri : vscode.window.activeTextEditor?.document.uri;
  return uri && holdsRows(uri.path) ? uri : undefined;
}

async function pickFile(): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({
    filters: { 'JSON Lines': ['jsonl', 'ndjson'] },
    openLabel: t('Score File'),
  });
  return picked?.[0];
}
