import * as vscode from 'vscode';
import type { ProjectInfo } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import type { Row } from '../wording/trees.ts';

/** Notifications come in bursts: a view reads once for all within this time. */
const settle = 200;

/** A view of rows that are read per project; with several projects, one level more. */
export class RowTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #palate: Palate;
  readonly #read: (project: ProjectInfo) => Promise<readonly Row[]>;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  #timer: NodeJS.Timeout | undefined;

  constructor(palate: Palate, read: (project: ProjectInfo) => Promise<readonly Row[]>) {
    this.#palate = palate;
    this.#read = read;
  }

  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#changed.fire();
    }, settle);
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row) return [...(row.children ?? [])];
    const { projects, server } = this.#palate;
    // A server that is down is said in the status bar; a view must not start it again and again.
    if (server.state === 'failed' || server.state === 'stopped') return [];
    if (projects.list.length === 1) return await this.#rowsOf(projects.list[0]!);
    return await Promise.all(
      projects.list.map(async (project) => ({
        id: project.folder,
        label: projects.titleOf(project),
        icon: 'folder',
        context: 'project',
        children: await this.#rowsOf(project),
        target: { project: project.folder },
      })),
    );
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const item = new vscode.TreeItem(row.label, foldingOf(row));
    item.id = row.id;
    item.iconPath = new vscode.ThemeIcon(row.icon);
    item.contextValue = row.context;
    if (row.description !== undefined) item.description = row.description;
    if (row.tooltip) item.tooltip = row.tooltip;
    if (row.click) item.command = { title: row.label, command: row.click.command, arguments: [...row.click.arguments] };
    return item;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }

  async #rowsOf(project: ProjectInfo): Promise<Row[]> {
    try {
      return [...(await this.#read(project))];
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#palate.log.warn(message);
      return [
        { id: `${project.folder}/problem`, label: message, tooltip: message, icon: 'warning', context: 'problem' },
      ];
    }
  }
}

function foldingOf({ children, folded }: Row): vscode.TreeItemCollapsibleState {
  if (!children || children.length === 0) return vscode.TreeItemCollapsibleState.None;
  return folded ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.Expanded;
}
