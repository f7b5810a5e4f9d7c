import { fileURLToPath } from 'node:url';
import type { Connection } from 'vscode-languageserver/node';
import type { ScoredColumn } from '../scores/scoredTexts.ts';
import type { RowScore } from '../scores/scorer.ts';
import { breather } from './breathe.ts';
import { type OpenFile, OpenFiles } from './openFiles.ts';
import type { PlacedRow, RowDocument } from './rowDocument.ts';
import { textsOf } from './rowScan.ts';
import { type Throttled, throttled } from './throttle.ts';
import type { LanguageFeatureContext, LanguageProject } from './types.ts';
import { VisibleScores, type Wanted } from './visibleScores.ts';
import { labelOf, pendingLabel } from './words.ts';

/** A scored text of a row as it is shown now. */
export interface ShownTarget {
  readonly placed: PlacedRow;
  readonly column: ScoredColumn;
  readonly range: ReturnType<PlacedRow['range']>;
  readonly key?: string;
  readonly score?: RowScore;
  /** What stands beside it; undefined: nothing. */
  readonly label?: string;
}

/** Rows that one request shows; an editor asks for what is on screen. */
const mostRows = 500;

/** The open files, whose scores they show, and when the editor is to ask again. */
export class LanguageSession {
  readonly files: OpenFiles;
  readonly context: LanguageFeatureContext;
  readonly #refresh: Throttled;
  readonly #changed: () => void;
  readonly #scorers = new Map<string, { readonly project: LanguageProject; readonly end: () => void }>();

  /** @param changed scores came or went: what is pushed to the editor is to be computed again */
  constructor(connection: Connection, context: LanguageFeatureContext, changed: () => void) {
    this.context = context;
    this.#changed = changed;
    this.#refresh = throttled(() => askAgain(connection, context), { delay: 30, interval: 250 });
    this.files = new OpenFiles(
      () =>
        new VisibleScores((message) => {
          context.log?.(`Scores could not be computed: ${message}`);
          this.refresh();
        }),
    );
  }

  /** The project of a file; undefined: somebody else's file, which is left alone. */
  async projectOf(uri: string): Promise<LanguageProject | undefined> {
    const path = pathOf(uri);
    const folder = path && (await this.context.projects.of(path));
    if (!folder) return undefined;
    const known = this.#scorers.get(folder);
    const scorer = await this.context.scorerOf(folder);
    if (known?.project.scorer === scorer) return known.project;
    known?.end();
    const project = { folder, scorer };
    const end = scorer.onChange(() => this.refresh());
    this.#scorers.set(folder, { project, end });
    return project;
  }

  /** Whether features have been asked for in this project. */
  isOpen(folder: string): boolean {
    return this.#scorers.has(folder);
  }

  /** Has the editor ask again, soon. */
  refresh(): void {
    this.#refresh();
    this.#changed();
  }

  /** Another reward model may be active; what failed with the last one is tried again. */
  rewardModelChanged(folder: string): void {
    this.#scorers.get(folder)?.project.scorer.rewardModelChanged();
    for (const file of this.files) file.wanted.forgive();
    this.refresh();
  }

  /** What is to be shown between two lines; scores that are missing are asked for, where that may be. */
  async show(file: OpenFile, project: LanguageProject, first: number, last: number): Promise<ShownTarget[]> {
    const { document, wanted } = file;
    const { scorer } = project;
    const identity = (await scorer.rewardModel())?.identity;
    if (document === undefined || identity === undefined) return [];
    const version = document.version;
    const placed = await rowsBetween(document, first, last);
    const targets = placed.flatMap((each) => each.row.scan?.targets.map((target) => ({ placed: each, target })) ?? []);
    const scores = await lookUp(
      scorer,
      targets.map(({ target }) => target.key),
    );
    const missing = targets.filter(({ target }, k) => target.key !== undefined && scores[k] === undefined);
    const trusted = this.context.settings().trusted;
    const waits = missing.length > 0 && trusted && wanted.failure === undefined && (await scorer.mayScoreUnasked());
    // An edit came meanwhile: the editor asks again, and what was read is no longer there.
    if (waits && version === document.version && this.files.get(file.uri) === file) {
      wanted.want(scorer, { identity, wanted: wantedOf(missing), editedAt: file.editedAt });
    }
    return targets.map(({ placed: each, target }, k) => {
      const { row } = each;
      const score = scores[k];
      if (score !== undefined) row.show(target.column, labelOf(score));
      const label = score ? labelOf(score) : waits || target.key === undefined ? row.shown(target.column) : undefined;
      const pending = waits && target.key !== undefined ? pendingLabel : undefined;
      return {
        placed: each,
        column: target.column,
        range: each.range(target.value),
        key: target.key,
        score,
        label: label ?? pending,
      };
    });
  }

  close(): void {
    this.#refresh.cancel();
    for (const { end } of this.#scorers.values()) end();
    for (const file of this.files) file.wanted.cancel();
  }
}

/** The path of a file; undefined for what is not on a disk. */
export function pathOf(uri: string): string | undefined {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : undefined;
  } catch {
    return undefined;
  }
}

async function rowsBetween(document: RowDocument, first: number, last: number): Promise<PlacedRow[]> {
  const breathe = breather();
  const found: PlacedRow[] = [];
  for (const placed of document.rows(first, last)) {
    if (placed.row.scan !== undefined) found.push(placed);
    if (found.length === mostRows) break;
    await breathe();
  }
  return found;
}

async function lookUp(
  scorer: LanguageProject['scorer'],
  keys: readonly (string | undefined)[],
): Promise<(RowScore | undefined)[]> {
  const known = keys.filter((key) => key !== undefined);
  const scores = new Map((await scorer.lookup(known)).map((score, k) => [known[k], score]));
  return keys.map((key) => key && scores.get(key)).map((score) => score || undefined);
}

function wantedOf(missing: readonly { placed: PlacedRow; target: { key?: string; column: ScoredColumn } }[]): Wanted[] {
  return missing.map(({ placed, target }) => ({
    key: target.key as string,
    row: () => textsOf(placed.row.text)[target.column],
  }));
}

function askAgain(connection: Connection, context: LanguageFeatureContext): void {
  const { inlineScores } = context.settings();
  // An editor that cannot refresh answers with an error: it asks when it likes.
  const ignore = () => {};
  if (inlineScores !== 'codeLens') connection.languages.inlayHint.refresh().catch(ignore);
  connection.sendRequest('workspace/codeLens/refresh').catch(ignore);
}
