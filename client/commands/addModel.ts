import { isAbsolute, relative } from 'node:path';
import * as vscode from 'vscode';
import type { LibraryModel, ProjectInfo } from '../../server/protocol/types.ts';
import type { Server } from '../connection/server.ts';
import type { Palate } from '../palate.ts';
import { useModel } from '../projectFile.ts';
import { t } from '../translate.ts';
import { isHubName, libraryRow, readyText } from '../wording/library.ts';
import { targetOf } from './target.ts';

/** Adds a model that is on this machine, or downloads one of the hub, and offers it to the project. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const asked = await pickModel(palate);
  if (asked === undefined) return;
  const model = await add(palate, asked);
  if (!model) return;
  if (model.problem) {
    void vscode.window.showWarningMessage(t('{0} is known now, but it will not load: {1}', model.name, model.problem));
    return;
  }
  await offer(palate, model, targetOf(palate, from).project);
}

interface ModelRow extends vscode.QuickPickItem {
  /** Undefined: the person left. */
  readonly ask?: () => Promise<string | undefined>;
}

async function pickModel({ server }: Palate): Promise<string | undefined> {
  const rows: ModelRow[] = [
    {
      label: `$(file) ${t('A GGUF file…')}`,
      detail: t('It stays where it is.'),
      ask: () => pickPath({ canSelectFiles: true, filters: { GGUF: ['gguf'] } }),
    },
    {
      label: `$(folder) ${t('A Hugging Face folder…')}`,
      detail: t('config.json, tokenizer.json and safetensors.'),
      ask: () => pickPath({ canSelectFolders: true, canSelectFiles: false }),
    },
    {
      label: `$(cloud-download) ${t('A model of the Hugging Face hub…')}`,
      detail: t('Downloaded where it is not on this machine yet.'),
      ask: askName,
    },
  ];
  return await (await choose(rows, server))?.ask?.();
}

/** The ways at once; what is on this machine when it has been looked at, which may take seconds. */
async function choose(ways: readonly ModelRow[], server: Server): Promise<ModelRow | undefined> {
  const picker = vscode.window.createQuickPick<ModelRow>();
  picker.title = t('Add Model');
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.items = ways;
  picker.busy = true;
  server
    .request('listLibrary', {})
    .then((models) => {
      const known = models.filter(({ source }) => source !== 'embedded');
      if (known.length === 0) return;
      const separator: ModelRow = { label: t('on this machine'), kind: vscode.QuickPickItemKind.Separator };
      picker.items = [...ways, separator, ...known.map(knownRow)];
    })
    // What is there already is only a convenience: the ways stay.
    .catch(() => undefined)
    .finally(() => {
      picker.busy = false;
    });
  try {
    return await new Promise((resolve) => {
      picker.onDidAccept(() => resolve(picker.selectedItems[0]));
      picker.onDidHide(() => resolve(undefined));
      picker.show();
    });
  } finally {
    picker.dispose();
  }
}

function knownRow(model: LibraryModel): ModelRow {
  return { ...libraryRow(model), ask: async () => (model.source === 'added' ? model.path : model.name) };
}

async function pickPath(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({ ...options, openLabel: t('Add This Model') });
  return picked?.[0]?.fsPath;
}

async function askName(): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title: t('Add Model: which one of the hub?'),
    placeHolder: 'org/name, org/name@revision, org/name:file.gguf',
    ignoreFocusOut: true,
    validateInput: (entered) => (isHubName(entered.trim()) ? undefined : t('Write it as the hub does: org/name.')),
  });
  return text?.trim();
}

/** Undefined: it was stopped, or failed, which its job has told. */
async function add({ server, jobs }: Palate, model: string): Promise<LibraryModel | undefined> {
  const looking = server.request('addModel', { model });
  const options = { location: vscode.ProgressLocation.Notification, title: t('Looking at {0}', model) };
  const found = await vscode.window.withProgress(options, () => looking);
  if ('model' in found) return found.model;
  const job = await jobs.follow(jobs.begun(found.job));
  if (job.status !== 'done') return undefined;
  const added = await server.request('addModel', { model });
  return 'model' in added ? added.model : undefined;
}

async function offer({ projects }: Palate, model: LibraryModel, named: string | undefined): Promise<void> {
  const use = t('Use in This Project');
  if (projects.list.length === 0) {
    void vscode.window.showInformationMessage(readyText(model));
    return;
  }
  if ((await vscode.window.showInformationMessage(readyText(model), use)) !== use) return;
  const project = await projects.choose(named);
  if (!project) return;
  await useModel(project.folder, nameIn(project, model));
  void vscode.window.showInformationMessage(t('{0} now works with {1}.', project.name, model.name));
}

/** A model that lies in the project is named by its way from there, which is the same for everybody. */
function nameIn({ folder }: ProjectInfo, { source, path, name }: LibraryModel): string {
  const way = relative(folder, path);
  const isInside = source === 'added' && way !== '' && !isAbsolute(way) && !way.startsWith('..');
  return isInside ? way.replaceAll('\\', '/') : name;
}
