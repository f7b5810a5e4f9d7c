import { access, readdir } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import * as vscode from 'vscode';
import type { ProjectInfo } from '../server/protocol/types.ts';
import type { Server } from './connection/server.ts';
import { t } from './translate.ts';

const marker = 'palate.json';
const elsewhere = '**/{node_modules,.git,.palate}/**';
const mostProjects = 100;
/** Milliseconds that changes are gathered before the projects are counted again. */
const settle = 500;

/** The projects of this window. Without one, nothing is started. */
export class Projects implements vscode.Disposable {
  readonly #server: Server;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #parts: vscode.Disposable[] = [];
  /** Folders that were made by a command and lie outside the workspace. */
  readonly #extra = new Set<string>();
  #list: readonly ProjectInfo[] = [];
  #folders: readonly string[] = [];
  #looking: Promise<void> | undefined;
  #again = false;
  #recount: NodeJS.Timeout | undefined;

  constructor(server: Server) {
    this.#server = server;
    const watcher = vscode.workspace.createFileSystemWatcher(`**/${marker}`);
    const look = () => void this.refresh().catch(() => undefined);
    this.#parts.push(
      watcher,
      watcher.onDidCreate(look),
      watcher.onDidDelete(look),
      vscode.workspace.onDidChangeWorkspaceFolders(look),
      server.on('projectChanged', () => this.#countAgain()),
      server.on('feedbackChanged', () => this.#countAgain()),
      server.onDidChangeState((state) => state === 'running' && this.#list.length > 0 && this.#countAgain()),
      vscode.workspace.onDidGrantWorkspaceTrust(look),
      this.#changed,
    );
  }

  get list(): readonly ProjectInfo[] {
    return this.#list;
  }

  /**
   * Looks for projects again: at once in the workspace's folders and those directly below, by the editor's search, which
   * may take a while, in all of them. Resolves with the first that are found, or when there are none. Starts the server
   * only where there is one.
   */
  async refresh(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#lookUntilQuiet().finally(() => {
      this.#looking = undefined;
    });
    // Whoever waits for it hears of a failure; the search alone must not end the extension host.
    this.#looking.catch(() => undefined);
    await Promise.race([this.#looking, this.#firstFound()]);
  }

  /** Resolves when the search that is under way has ended. */
  async searched(): Promise<void> {
    await this.#looking?.catch(() => undefined);
  }

  /** A project that was just made. */
  async add(folder: string): Promise<void> {
    if (!vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder))) this.#extra.add(folder);
    await this.#take([...this.#folders, folder]);
  }

  get(folder: string): ProjectInfo | undefined {
    return this.#list.find((project) => project.folder === folder);
  }

  /** The innermost project that a file lies in. */
  of(file: vscode.Uri): ProjectInfo | undefined {
    if (file.scheme !== 'file') return undefined;
    return this.#list
      .filter(({ folder }) => file.fsPath === folder || file.fsPath.startsWith(folder + sep))
      .sort((a, b) => b.folder.length - a.folder.length)[0];
  }

  /** "example", or with where it lies when two projects have the same name. */
  titleOf(project: ProjectInfo): string {
    const same = this.#list.filter(({ name }) => name === project.name).length > 1;
    return same ? `${project.name} (${vscode.workspace.asRelativePath(project.folder)})` : project.name;
  }

  /** The one that a command is about: named, of the file in front, the only one, or picked. Undefined: none. */
  async choose(named?: string): Promise<ProjectInfo | undefined> {
    if (named !== undefined) {
      const known = this.get(named);
      if (known) return known;
    }
    if (this.#list.length === 0) await this.refresh();
    if (this.#list.length === 0) return void (await offerProject());
    const front = vscode.window.activeTextEditor?.document.uri;
    const near = front && this.of(front);
    if (near) return near;
    if (this.#list.length === 1) return this.#list[0];
    const picked = await vscode.window.showQuickPick(
      this.#list.map((project) => ({
        label: project.name,
        description: vscode.workspace.asRelativePath(project.folder),
        project,
      })),
      { title: t('Which project?'), placeHolder: t('Projects of this window') },
    );
    return picked?.project;
  }

  dispose(): void {
    clearTimeout(this.#recount);
    for (const part of this.#parts) part.dispose();
  }

  /** A person labels one a second: the counts may lag behind. */
  #countAgain(): void {
    this.#recount ??= setTimeout(() => {
      this.#recount = undefined;
      void this.#read().catch(() => undefined);
    }, settle);
  }

  #firstFound(): Promise<void> {
    return new Promise((resolve) => {
      const listening = this.onDidChange(() => {
        listening.dispose();
        resolve();
      });
    });
  }

  async #lookUntilQuiet(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const near = await nearFolders();
      if (near.length > 0 || this.#extra.size > 0) await this.#take(near);
      const found = await vscode.workspace.findFiles(`**/${marker}`, elsewhere, mostProjects);
      const far = found.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => dirname(fsPath));
      await this.#take([...near, ...far]);
    }
  }

  async #take(found: readonly string[]): Promise<void> {
    this.#folders = [...new Set([...found, ...this.#extra])].sort();
    await this.#read();
  }

  async #read(): Promise<void> {
    const folders = this.#folders;
    const list = folders.length > 0 ? await this.#server.request('listProjects', { folders }) : [];
    this.#list = [...list].sort((a, b) => a.folder.localeCompare(b.folder));
    await vscode.commands.executeCommand('setContext', 'palate.hasProject', list.length > 0);
    this.#changed.fire();
  }
}

/** The workspace's folders and those directly below that hold a palate.json. */
async function nearFolders(): Promise<string[]> {
  const roots = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const candidates = await Promise.all(
    roots.map(async ({ uri: { fsPath } }) => {
      const entries = await readdir(fsPath, { withFileTypes: true }).catch(() => []);
      const below = entries.filter((entry) => entry.isDirectory() && !/^(\.|node_modules$)/.test(entry.name));
      return [fsPath, ...below.slice(0, mostProjects).map(({ name }) => join(fsPath, name))];
    }),
  );
  const there = await Promise.all(
    candidates.flat().map(async (folder) => ((await isThere(join(folder, marker))) ? folder : undefined)),
  );
  return there.filter((folder) => folder !== undefined);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function offerProject(): Promise<void> {
  const open = t('Open Example');
  const create = t('New Project');
  const answer = await vscode.window.showInformationMessage(
    t('There is no Palate project in this window: no folder with a palate.json.'),
    open,
    create,
  );
  if (answer === open) await vscode.commands.executeCommand('palate.openExample');
  if (answer === create) await vscode.commands.executeCommand('palate.newProject');
}
