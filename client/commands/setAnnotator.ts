import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';

/** Whose decisions the next ones are. */
export async function run({ annotator, projects, panels }: Palate): Promise<void> {
  const name = await annotator.ask(projects.list[0]?.folder);
  if (name === undefined) return;
  await panels.annotatorChanged(name);
  void vscode.window.showInformationMessage(t('The next decisions are those of {0}.', name));
}
