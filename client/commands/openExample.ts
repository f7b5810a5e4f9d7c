import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { isEmptyFolder, pickFolder } from './pickFolder.ts';

/** Where a window that opens the example finds that it shall begin with comparing. */
export const openedExample = 'palate.openedExample';

/** Copies the example into the open folder if that is empty, else into one that is picked, and opens it. */
export async function run(palate: Palate): Promise<void> {
  const folder = (await openEmptyFolder()) ?? (await ask());
  if (folder === undefined) return;
  const there = await vscode.workspace.fs.stat(vscode.Uri.file(join(folder, 'palate.json'))).then(
    () => true,
    () => false,
  );
  // Opened once more: what was labelled in it stays.
  if (!there) await palate.server.request('createExample', { folder });

  const uri = vscode.Uri.file(folder);
  if (vscode.workspace.getWorkspaceFolder(uri)) {
    await palate.projects.add(folder);
    const label = t('Label Comparisons');
    const answer = await vscode.window.showInformationMessage(
      t('The example is ready: prompts with two responses each.'),
      label,
    );
    if (answer === label) await vscode.commands.executeCommand('palate.label', { project: folder });
    return;
  }
  await palate.context.globalState.update(openedExample, folder);
  await vscode.commands.executeCommand('vscode.openFolder', uri, { forceReuseWindow: isEmptyWindow() });
}

const isEmptyWindow = () => (vscode.workspace.workspaceFolders ?? []).length === 0;

async function openEmptyFolder(): Promise<string | undefined> {
  const [only, ...more] = vscode.workspace.workspaceFolders ?? [];
  if (only?.uri.scheme !== 'file' || more.length > 0) return undefined;
  return (await isEmptyFolder(only.uri.fsPath)) ? only.uri.fsPath : undefined;
}

async function ask(): Promise<string | undefined> {
  const own = join(homedir(), 'palate-example');
  const picked = await pickFolder(t('Open Example: where shall it lie?'), [
    { label: `$(home) ${t('In your home folder')}`, description: own, folder: own },
  ]);
  if (picked === undefined || picked === own || (await isEmptyFolder(picked))) return picked;
  return join(picked, 'palate-example');
}
