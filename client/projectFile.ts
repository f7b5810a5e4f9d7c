import { join } from 'node:path';
import * as vscode from 'vscode';
import { t } from './translate.ts';
import { modelEdits } from './wording/projectEdits.ts';

/** Writes a project's model into its palate.json; everything else in the file stays as it is. */
export async function useModel(folder: string, model: string): Promise<void> {
  const uri = vscode.Uri.file(join(folder, 'palate.json'));
  const document = await vscode.workspace.openTextDocument(uri);
  const edits = modelEdits(document.getText(), model);
  if (!edits) throw new Error(t('palate.json is not valid JSON: mend it, then choose the model again.'));
  const change = new vscode.WorkspaceEdit();
  for (const { offset, length, content } of edits) {
    const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
    change.replace(uri, range, content);
  }
  if (!(await vscode.workspace.applyEdit(change)) || !(await document.save())) {
    throw new Error(t('palate.json could not be written: write "model": {0} into it yourself.', JSON.stringify(model)));
  }
}
