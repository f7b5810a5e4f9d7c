import * as vscode from 'vscode';
import type { Palate } from './palate.ts';
import { t } from './translate.ts';

/** Once, when a project is opened whose palate.json names the engine TensorFlow, and its native part is not there. */
export async function offerTensorflow({ server, projects }: Palate): Promise<void> {
  const project = projects.list.find(({ engine }) => engine === 'tensorflow');
  if (!project || !vscode.workspace.isTrusted) return;
  const { installed } = await server.request('tensorflowState', {});
  if (installed) return;
  const setUp = t('Set Up TensorFlow Engine');
  const message = t(
    'The project {0} trains on the engine TensorFlow, whose native part is not on this machine yet.',
    project.name,
  );
  if ((await vscode.window.showInformationMessage(message, setUp)) === setUp) {
    await vscode.commands.executeCommand('palate.setUpTensorflow');
  }
}
