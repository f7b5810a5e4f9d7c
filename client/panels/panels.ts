import * as vscode from 'vscode';
import type { ProjectInfo } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import type { ComparePanel } from './compare.ts';
import type { TrainingPanel, TrainingView } from './training.ts';

/** Milliseconds that the editor gets to restore a panel; after that there is a new one. */
const restoreLimit = 5_000;

/** Every panel of this window, one a project and kind; those that were open come back with the window. */
export class Panels implements vscode.Disposable {
  readonly #palate: () => Palate;
  readonly #compare = new Map<string, ComparePanel>();
  readonly #training = new Map<string, TrainingPanel>();
  readonly #parts: vscode.Disposable[];

  constructor(palate: () => Palate) {
    this.#palate = palate;
    const serializer = (restore: (panel: vscode.WebviewPanel, project: ProjectInfo) => Promise<void>) => ({
      deserializeWebviewPanel: (panel: vscode.WebviewPanel) => this.#restore(panel, restore),
    });
    this.#parts = [
      vscode.window.registerWebviewPanelSerializer(
        'palate.compare',
        serializer(async (panel, project) => {
          const annotator = await this.#palate().annotator.get(project.folder);
          if (annotator) await this.#openCompare(panel, project, annotator);
          else panel.dispose();
        }),
      ),
      vscode.window.registerWebviewPanelSerializer(
        'palate.training',
        serializer((panel, project) => this.#openTraining(panel, project, {})),
      ),
    ];
  }

  /** The comparison panel that undo and redo are about: the one in front, else the only one. */
  get comparing(): ComparePanel | undefined {
    const open = [...this.#compare.values()];
    return open.find(({ panel }) => panel.active) ?? (open.length === 1 ? open[0] : undefined);
  }

  /** @param wanted the comparison to begin with */
  async compare(project: ProjectInfo, annotator: string, wanted?: string): Promise<void> {
    const open = await this.#find(this.#compare, compareTitle(this.#palate(), project), project.folder);
    if (open) return open.show(wanted);
    const panel = createPanel('palate.compare', compareTitle(this.#palate(), project));
    await this.#openCompare(panel, project, annotator, wanted);
  }

  async training(project: ProjectInfo, view: TrainingView): Promise<void> {
    const open = await this.#find(this.#training, trainingTitle(this.#palate(), project), project.folder);
    if (open) return open.show(view);
    const panel = createPanel('palate.training', trainingTitle(this.#palate(), project));
    await this.#openTraining(panel, project, view);
  }

  /** Another annotator: what is shown belongs to the one before. */
  async annotatorChanged(annotator: string): Promise<void> {
    for (const { panel, project } of [...this.#compare.values()]) {
      this.#compare.get(project.folder)?.dispose();
      await this.#openCompare(panel, project, annotator);
    }
  }

  dispose(): void {
    for (const part of [...this.#parts, ...this.#compare.values(), ...this.#training.values()]) part.dispose();
  }

  async #openCompare(panel: vscode.WebviewPanel, project: ProjectInfo, annotator: string, wanted?: string) {
    const { ComparePanel } = await import('./compare.ts');
    const opened = new ComparePanel(this.#palate(), panel, project, annotator, wanted);
    this.#keep(this.#compare, project.folder, opened);
  }

  async #openTraining(panel: vscode.WebviewPanel, project: ProjectInfo, view: TrainingView) {
    const { TrainingPanel } = await import('./training.ts');
    this.#keep(this.#training, project.folder, new TrainingPanel(this.#palate(), panel, project, view));
  }

  /** The open panel; one that came back with the window and was never looked at is restored first. */
  async #find<Panel extends ComparePanel | TrainingPanel>(
    open: Map<string, Panel>,
    title: string,
    folder: string,
  ): Promise<Panel | undefined> {
    const there = open.get(folder);
    if (there || !(await activateTab(title))) return there;
    // The editor restores a panel when its tab is shown, and does not say when it has.
    return await new Promise((resolve) => {
      const look = () => {
        const restored = open.get(folder);
        if (!restored && Date.now() < end) return;
        clearInterval(timer);
        resolve(restored);
      };
      const end = Date.now() + restoreLimit;
      const timer = setInterval(look, 50);
    });
  }

  #keep<Panel extends ComparePanel | TrainingPanel>(open: Map<string, Panel>, folder: string, opened: Panel): void {
    open.set(folder, opened);
    opened.panel.onDidDispose(() => {
      opened.dispose();
      if (open.get(folder) === opened) open.delete(folder);
    });
  }

  /** The project is the one in the title: that is all that an editor keeps of a panel beside the page's own state. */
  async #restore(
    panel: vscode.WebviewPanel,
    restore: (panel: vscode.WebviewPanel, project: ProjectInfo) => Promise<void>,
  ): Promise<void> {
    const { projects, log } = this.#palate();
    try {
      if (projects.list.length === 0) await projects.refresh();
      const named = () => projects.list.find((project) => panel.title.endsWith(`: ${projects.titleOf(project)}`));
      if (!named()) await projects.searched();
      const project = named() ?? projects.list[0];
      if (project) await restore(panel, project);
      else panel.dispose();
    } catch (error) {
      log.error(String(error));
      panel.dispose();
    }
  }
}

const compareTitle = ({ projects }: Palate, project: ProjectInfo): string =>
  t('Compare: {0}', projects.titleOf(project));
const trainingTitle = ({ projects }: Palate, project: ProjectInfo): string =>
  t('Training: {0}', projects.titleOf(project));

function createPanel(type: 'palate.compare' | 'palate.training', title: string): vscode.WebviewPanel {
  return vscode.window.createWebviewPanel(type, title, vscode.ViewColumn.Active);
}

const groupCommands = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth'];

/** Shows the webview's tab with this title. False: there is none. */
async function activateTab(title: string): Promise<boolean> {
  for (const { tabs, viewColumn } of vscode.window.tabGroups.all) {
    const index = tabs.findIndex(({ label, input }) => label === title && input instanceof vscode.TabInputWebview);
    if (index < 0) continue;
    const group = groupCommands[viewColumn - 1];
    if (group) await vscode.commands.executeCommand(`workbench.action.focus${group}EditorGroup`);
    await vscode.commands.executeCommand('workbench.action.openEditorAtIndex', index);
    return true;
  }
  return false;
}
