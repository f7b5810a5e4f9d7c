import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';

/** Ends the server, which lets what trains save itself, and starts it again. */
export async function run({ server, projects }: Palate): Promise<void> {
  const title = t('Palate: the server is starting again');
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () => server.restart());
  await projects.refresh();
}
