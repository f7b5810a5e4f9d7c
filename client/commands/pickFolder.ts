import { readdir } from 'node:fs/promises';
import * as vscode from 'vscode';
import { t } from '../translate.ts';

export interface FolderRow {
  readonly label: string;
  readonly description?: string;
  readonly folder: string;
}

/** A folder: one of `rows`, one of the workspace's, or another. Undefined: the person left. */
export async function pickFolder(title: string, rows: readonly FolderRow[]): Promise<string | undefined> {
  const open = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const another = { label: `$(folder-opened) ${t('Another folder…')}`, folder: undefined };
  const all = [
    ...rows,
    ...open.map(({ name, uri }) => ({ label: `$(folder) ${name}`, description: uri.fsPath, folder: uri.fsPath })),
    another,
  ];
  const picked = all.length === 1 ? another : await vscode.window.showQuickPick(all, { title });
  if (!picked) return undefined;
  if (picked.folder !== undefined) return picked.folder;
  const dialog = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: t('Use This Folder'),
    title,
  });
  return dialog?.[0]?.fsPath;
}

/** Empty or not there: git's own folder does not count. */
export async function isEmptyFolder(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).every((name) => name === '.git' || name === '.vscode');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
