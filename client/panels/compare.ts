import { join, relative, sep } from 'node:path';
import * as vscode from 'vscode';
import type { ServerNotifications } from '../../server/protocol/client.ts';
import type { CompareQueue, Comparison, LabelProgress, ProjectInfo } from '../../server/protocol/types.ts';
import type { CompareHostMethods, ComparePageMethods, CompareStart } from '../../webviews/protocol/compare.ts';
import type { Handlers } from '../../webviews/protocol/messenger.ts';
import { keysSetting } from '../connection/settings.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { mergeKeys } from '../wording/keys.ts';
import { openPage, type Page } from './page.ts';

export const compareType = 'palate.compare';

/** Pairs that the page holds beside the one in front, to have the next on screen at once. */
const held = 3;
/** Pairs of the queue's front among which the one that a page showed is looked for. */
const front = 20;

/** One project's comparisons in one panel. The server owns the truth; the page shows it and says what was pressed. */
export class ComparePanel implements vscode.Disposable {
  readonly panel: vscode.WebviewPanel;
  readonly project: ProjectInfo;
  readonly #palate: Palate;
  readonly #annotator: string;
  readonly #page: Page<ComparePageMethods>;
  readonly #parts: vscode.Disposable[];
  /** A comparison that was asked for by name, until it is decided. */
  #wanted: string | undefined;
  /** What the page knows; a notification that says the same is about its own decision. */
  #known: LabelProgress | undefined;
  #writing = 0;
  #heard: LabelProgress | undefined;

  constructor(palate: Palate, panel: vscode.WebviewPanel, project: ProjectInfo, annotator: string, wanted?: string) {
    this.#palate = palate;
    this.panel = panel;
    this.project = project;
    this.#annotator = annotator;
    this.#wanted = wanted;
    const roots = [vscode.Uri.file(imageCache(project.folder))];
    this.#page = openPage(
      panel,
      palate.context.extensionUri,
      { name: 'compare', title: panel.title, roots },
      this.#handlers(),
    );
    this.#parts = [
      this.#page,
      palate.server.on('feedbackChanged', (change) => this.#feedbackChanged(change)),
      palate.server.on('projectChanged', ({ project: folder }) => folder === project.folder && this.#refresh()),
      // Whoever wrote in the meantime, this server or another process: the page asks again.
      palate.server.onDidChangeState((state) => state === 'running' && this.#refresh()),
      vscode.workspace.onDidChangeConfiguration(
        (event) => event.affectsConfiguration('palate.keys') && this.#refresh(),
      ),
      panel.onDidChangeViewState(() => !panel.active && this.#setFocused(false)),
    ];
  }

  /** Brings it to the front, at this comparison if it is still undecided. */
  show(wanted?: string): void {
    this.panel.reveal();
    if (wanted === undefined) {
      this.#page.tell('command', { name: 'focus' });
    } else {
      this.#wanted = wanted;
      this.#refresh();
    }
  }

  command(name: 'undo' | 'redo'): void {
    this.#page.tell('command', { name });
  }

  dispose(): void {
    this.#setFocused(false);
    for (const part of this.#parts) part.dispose();
  }

  #handlers(): Handlers<CompareHostMethods> {
    const me = { project: this.project.folder, annotator: this.#annotator };
    const { server } = this.#palate;
    return {
      ready: ({ current }) => this.#start(current),
      more: async ({ count, held: ids }) => {
        const queue = await server.request('nextComparisons', { ...me, count, held: ids });
        this.#known = queue.progress;
        return queue;
      },
      decide: (decision) => this.#write(server.request('decide', { ...me, decision }), decision.comparison),
      skip: (skip) => this.#write(server.request('skip', { ...me, skip }), skip.comparison),
      undo: () => this.#write(server.request('undo', me)),
      redo: () => this.#write(server.request('redo', me)),
      image: ({ path }) => this.#image(path),
      focus: ({ page, field }) => this.#setFocused(page && !field),
      open: ({ what }) => this.#open(what),
    };
  }

  async #start(shown: string | undefined): Promise<CompareStart> {
    const me = { project: this.project.folder, annotator: this.#annotator };
    const queue = await this.#palate.server.request('nextComparisons', { ...me, count: front, held: [] });
    const current = await this.#current(queue, shown);
    const comparisons = queue.comparisons.filter(({ id }) => id !== current?.id).slice(0, held);
    this.#known = queue.progress;
    const { keys, problems } = mergeKeys(keysSetting());
    if (problems.length > 0) void vscode.window.showWarningMessage(problems.join(' '));
    return { queue: { ...queue, comparisons }, current, annotator: this.#annotator, keys };
  }

  /** What was asked for by name, decided or not; else what the page showed, unless it was decided in the meantime. */
  async #current({ comparisons }: CompareQueue, shown: string | undefined): Promise<Comparison | null> {
    const wanted = this.#wanted ?? shown;
    if (wanted === undefined) return null;
    const waiting = comparisons.find(({ id }) => id === wanted);
    if (waiting) return waiting;
    // What the page kept may be older than its last decisions: the editor writes it down only now and then.
    return await this.#palate.server.request('comparison', {
      project: this.project.folder,
      annotator: this.#annotator,
      comparison: wanted,
      open: wanted !== this.#wanted,
    });
  }

  /** Notifications about our own line may come before its answer: they are judged when the answer is there. */
  async #write<Answer extends { readonly progress: LabelProgress } | null>(
    writing: Promise<Answer>,
    comparison?: string,
  ): Promise<Answer> {
    this.#writing++;
    try {
      const answer = await writing;
      if (comparison === this.#wanted) this.#wanted = undefined;
      if (answer) this.#known = answer.progress;
      return answer;
    } finally {
      this.#writing--;
      this.#judge();
    }
  }

  #feedbackChanged({ project, annotator, progress }: ServerNotifications['feedbackChanged']): void {
    if (project !== this.project.folder || annotator !== this.#annotator) return;
    this.#heard = progress;
    this.#judge();
  }

  #judge(): void {
    if (this.#writing > 0 || !this.#heard) return;
    const heard = this.#heard;
    this.#heard = undefined;
    if (!isSameProgress(heard, this.#known)) this.#refresh(heard);
  }

  #refresh(progress: LabelProgress | undefined = this.#known): void {
    if (progress) this.#page.tell('refresh', { progress });
  }

  async #image(path: string): Promise<{ url: string; width: number; height: number }> {
    const { server } = this.#palate;
    const safe = await server.request('prepareImage', { project: this.project.folder, path });
    const inside = relative(imageCache(this.project.folder), safe.path);
    if (inside.startsWith('..') || inside === '' || inside.startsWith(sep)) {
      throw new Error(t('The picture {0} was not put into the cache of this project.', path));
    }
    const url = this.panel.webview.asWebviewUri(vscode.Uri.file(safe.path)).toString();
    return { url, width: safe.width, height: safe.height };
  }

  /** The context of our keybindings: on while the page has the focus and none of its fields. */
  #setFocused(on: boolean): null {
    void vscode.commands.executeCommand('setContext', 'palate.compareFocused', on);
    return null;
  }

  async #open(what: CompareHostMethods['open']['params']['what']): Promise<null> {
    const { folder } = this.project;
    const target = { project: folder };
    const commands = { generate: 'palate.generate', train: 'palate.train', export: 'palate.exportPreferences' };
    if (what === 'generate' || what === 'train' || what === 'export') {
      // Not waited for: the command may ask questions, and the page must not hang on them.
      void vscode.commands.executeCommand(commands[what], target);
    } else if (what === 'prompts') {
      await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(join(folder, 'prompts')));
    } else {
      await vscode.commands.executeCommand('vscode.open', await guidelinesOf(folder));
    }
    return null;
  }
}

/** Where the server puts pictures that it has decoded: the only folder of the project that the page may read. */
const imageCache = (folder: string) => join(folder, '.palate', 'cache', 'images');

function isSameProgress(a: LabelProgress, b: LabelProgress | undefined): boolean {
  const keys = ['decided', 'skipped', 'remaining', 'canUndo', 'canRedo'] as const;
  return b !== undefined && keys.every((key) => a[key] === b[key]);
}

/** The file that palate.json names, else the usual one. */
async function guidelinesOf(folder: string): Promise<vscode.Uri> {
  try {
    const text = await vscode.workspace.fs.readFile(vscode.Uri.file(join(folder, 'palate.json')));
    const named = JSON.parse(new TextDecoder().decode(text))?.compare?.guidelines;
    if (typeof named === 'string' && !relative(folder, join(folder, named)).startsWith('..')) {
      return vscode.Uri.file(join(folder, named));
    }
  } catch {
    // The server says what is wrong with palate.json.
  }
  return vscode.Uri.file(join(folder, 'guidelines.md'));
}
