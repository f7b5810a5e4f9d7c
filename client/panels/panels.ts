import * as vscode from 'vscode';
import type { ProjectInfo } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import type { ComparePanel } from './compare.ts';
import type { TrainingPanel, TrainingView } from './training.ts';

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
    const open = this.#compare.get(project.folder);
    if (open) return open.show(wanted);
    const panel = vscode.window.createWebviewPanel('palate.compare', t('Compare'), vscode.ViewColumn.Active);
    await this.#openCompare(panel, project, annotator, wanted);
  }

  async training(project: ProjectInfo, view: TrainingView): Promise<void> {
    const open = this.#training.get(project.folder);
    if (open) return open.show(view);
    const panel = vscode.window.createWebviewPanel('palate.training', t('Training'), vscode.ViewColumn.Active);
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
