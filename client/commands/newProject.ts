import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { pickFolder } from './pickFolder.ts';

/** Makes a project in a folder: the current one unless another is picked. */
export async function run(palate: Palate, clicked?: unknown): Promise<void> {
  const folder = (await asFolder(clicked)) ?? (await pickFolder(t('New Project: in which folder?'), []));
  if (!folder) return;
  const model = await pickModel();
  if (model === undefined) return;
  const project = await palate.server.request('createProject', { folder, ...(model !== '' && { model }) });
  await palate.projects.add(project.folder);

  const generate = t('Generate Responses…');
  const open = t('Open Folder');
  const inside = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(project.folder)) !== undefined;
  const next = inside
    ? t('The project {0} is ready. Put your prompts into the folder prompts, then have them answered.', project.name)
    : t('The project {0} is ready in {1}.', project.name, project.folder);
  if (inside) await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(`${project.folder}/palate.json`));
  const answer = await vscode.window.showInformationMessage(next, inside ? generate : open);
  if (answer === generate) await vscode.commands.executeCommand('palate.generate', { project: project.folder });
  if (answer === open) await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(project.folder));
}

async function asFolder(clicked: unknown): Promise<string | undefined> {
  if (!(clicked instanceof vscode.Uri) || clicked.scheme !== 'file') return undefined;
  return (await stat(clicked.fsPath)).isDirectory() ? clicked.fsPath : undefined;
}

/** '' for the embedded one; undefined when the person left. */
async function pickModel(): Promise<string | undefined> {
  const rows = [
    {
      label: t('Embedded model'),
      description: t('recommended to begin with'),
      detail: t('Tiny, comes with Palate: a whole training takes minutes on any machine.'),
      model: async () => '',
    },
    {
      label: t('A GGUF file…'),
      detail: t('A model that is on this machine: of the families Llama, Gemma or GPT-2.'),
      model: () => pickPath({ canSelectFiles: true, filters: { GGUF: ['gguf'] } }),
    },
    {
      label: t('A Hugging Face folder…'),
      detail: t('config.json, tokenizer.json and safetensors.'),
      model: () => pickPath({ canSelectFolders: true, canSelectFiles: false }),
    },
  ];
  const picked = await vscode.window.showQuickPick(rows, { title: t('New Project: which base model?') });
  return await picked?.model();
}

async function pickPath(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({ ...options, openLabel: t('Use as Base Model') });
  return picked?.[0]?.fsPath;
}
