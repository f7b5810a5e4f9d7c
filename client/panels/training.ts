import * as vscode from 'vscode';
import type { ProjectInfo, RunSummary } from '../../server/protocol/types.ts';
import type { Handlers } from '../../webviews/protocol/messenger.ts';
import type { TrainingHostMethods, TrainingPageMethods, TrainingStart } from '../../webviews/protocol/training.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { openPage, type Page } from './page.ts';

export const trainingType = 'palate.training';

export type TrainingTab = NonNullable<TrainingStart['tab']>;
export interface TrainingView {
  readonly run?: string;
  readonly tab?: TrainingTab;
}

/** Runs of one project: curves, samples, before and after. */
export class TrainingPanel implements vscode.Disposable {
  readonly panel: vscode.WebviewPanel;
  readonly project: ProjectInfo;
  readonly #palate: Palate;
  readonly #page: Page<TrainingPageMethods>;
  readonly #parts: vscode.Disposable[];
  #wanted: TrainingView;

  constructor(palate: Palate, panel: vscode.WebviewPanel, project: ProjectInfo, wanted: TrainingView = {}) {
    this.#palate = palate;
    this.panel = panel;
    this.project = project;
    this.#wanted = wanted;
    const options = { name: 'training', title: panel.title, roots: [] } as const;
    this.#page = openPage(panel, palate.context.extensionUri, options, this.#handlers());
    const { server } = palate;
    this.#parts = [
      this.#page,
      server.on('runChanged', ({ project: folder, run }) => {
        if (folder !== project.folder) return;
        this.#page.tell('grew', { run });
        void this.#tellRuns();
      }),
      server.on('jobChanged', ({ job }) => {
        if (job.project !== project.folder) return;
        this.#page.tell('job', { job });
        void this.#tellRuns();
      }),
      server.on('projectChanged', ({ project: folder }) => {
        if (folder === project.folder) void this.#tellRuns();
      }),
      server.onDidChangeState((state) => {
        if (state === 'running') void this.#tellRuns();
      }),
    ];
  }

  show(wanted: TrainingView): void {
    const wasVisible = this.panel.visible;
    this.#wanted = wanted;
    this.panel.reveal();
    // A hidden page is made anew and asks for `ready`. A visible one may not have heard of a new run yet.
    if (wasVisible && wanted.run) void this.#tellShow(wanted.run, wanted.tab);
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }

  async #tellShow(run: string, tab: TrainingTab | undefined): Promise<void> {
    await this.#tellRuns();
    this.#page.tell('show', { run, ...(tab && { tab }) });
  }

  #handlers(): Handlers<TrainingHostMethods> {
    const { server } = this.#palate;
    const project = this.project.folder;
    return {
      ready: ({ run }) => this.#start(run),
      read: (params) => server.request('readRun', { project, ...params }),
      outcome: ({ run }) => server.request('readOutcome', { project, run }),
      act: ({ run, what }) => this.#act(what, run),
    };
  }

  async #start(shown: string | undefined): Promise<TrainingStart> {
    const project = this.project.folder;
    const { run: wanted, tab } = this.#wanted;
    this.#wanted = {};
    const runs = await this.#palate.server.request('listRuns', { project });
    const jobs = this.#palate.jobs.list.filter((job) => job.project === project);
    const first = [wanted, shown, newest(runs)?.id].find((id) => runs.some((run) => run.id === id));
    return { runs, jobs, run: first ?? null, ...(tab && { tab }) };
  }

  async #act(what: TrainingHostMethods['act']['params']['what'], run: string | undefined): Promise<null> {
    const target = { project: this.project.folder, ...(run !== undefined && { run }) };
    if (what === 'openFolder') {
      const runs = await this.#palate.server.request('listRuns', { project: this.project.folder });
      const folder = runs.find(({ id }) => id === run)?.folder;
      if (!folder) throw new Error(t('The run {0} is not there any more.', run ?? ''));
      // In a browser there is no file manager: the editor's own explorer shows it.
      const inBrowser = vscode.env.uiKind === vscode.UIKind.Web;
      const reveal = inBrowser ? 'revealInExplorer' : 'revealFileInOS';
      await vscode.commands.executeCommand(reveal, vscode.Uri.file(folder));
      return null;
    }
    if (!Object.hasOwn(actions, what)) throw new Error(`There is no action ${JSON.stringify(what)} here.`);
    // Not waited for: the command may ask questions, and the page must not hang on them.
    void vscode.commands.executeCommand(actions[what], { ...target, ...(what === 'outcome' && { again: true }) });
    return null;
  }

  #reading: Promise<void> | undefined;
  #stale = false;

  /** One question at a time, however many notifications come. */
  async #tellRuns(): Promise<void> {
    this.#stale = true;
    this.#reading ??= (async () => {
      while (this.#stale && this.panel.visible) {
        this.#stale = false;
        const runs = await this.#palate.server.request('listRuns', { project: this.project.folder });
        this.#page.tell('runs', { runs });
      }
    })()
      .catch((error) => this.#palate.log.warn(String(error)))
      .finally(() => {
        this.#reading = undefined;
      });
    await this.#reading;
  }
}

/** What the page may ask for, by the command that does it. */
const actions = {
  stop: 'palate.stop',
  resume: 'palate.resume',
  train: 'palate.train',
  outcome: 'palate.compareBeforeAfter',
  delete: 'palate.deleteRun',
} as const;

const newest = (runs: readonly RunSummary[]): RunSummary | undefined =>
  [...runs].sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0];
