import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { Palate } from './palate.ts';
import { t } from './translate.ts';
import { largeFileText } from './wording/largeFile.ts';

/**
 * Says of each file of a project that is too large for the editor to send why no scores stand in it, once a window, and
 * offers to have it scored. Its tab is all that tells of it: there is no document.
 */
export function registerLargeFiles({ projects, log }: Palate): vscode.Disposable {
  const said = new Set<string>();
  const look = async (tabs: readonly vscode.Tab[]) => {
    // Where nothing may be computed there is nothing to offer.
    if (!vscode.workspace.isTrusted) return;
    for (const { input } of tabs) {
      if (!(input instanceof vscode.TabInputText) || said.has(input.uri.fsPath) || !projects.of(input.uri)) continue;
      const text = largeFileText(input.uri.fsPath, await sizeOf(input.uri));
      if (text === undefined || said.has(input.uri.fsPath)) continue;
      said.add(input.uri.fsPath);
      void offer(text, input.uri);
    }
  };
  const lookAt = (tabs: readonly vscode.Tab[]) => void look(tabs).catch((error) => log.warn(String(error)));
  const lookAtAll = () => lookAt(vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs));
  return vscode.Disposable.from(
    vscode.window.tabGroups.onDidChangeTabs(({ opened, changed }) => lookAt([...opened, ...changed])),
    // Of tabs that were there before their project was found.
    projects.onDidChange(lookAtAll),
    vscode.workspace.onDidGrantWorkspaceTrust(lookAtAll),
  );
}

/** Bytes; 0 where there is no such file. */
const sizeOf = (uri: vscode.Uri): Promise<number> =>
  stat(uri.fsPath).then(
    ({ size }) => size,
    () => 0,
  );

async function offer(text: string, file: vscode.Uri): Promise<void> {
  const score = t('Score File');
  if ((await vscode.window.showInformationMessage(text, score)) === score) {
    await vscode.commands.executeCommand('palate.scoreFile', file);
  }
}
