import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { type Agreement, agreementOf } from '../feedback/agreement.ts';
import { readComparisonId } from '../feedback/comparisonId.ts';
import { votedPairs } from '../feedback/votes.ts';
import { packageRoot } from '../paths.ts';
import type {
  CompareQueue,
  Comparison,
  Decision,
  ExportSummary,
  LabelProgress,
  ProjectInfo,
  Recorded,
  RecordedEvent,
  Skip,
} from '../protocol/types.ts';
import { type AnnotatorLabels, type ComparisonKey, comparisonKey } from './annotatorLabels.ts';
import { annotatorNamed, logFileOf } from './annotatorName.ts';
import { appendLines } from './appendLine.ts';
import { checkDecision, checkSkip } from './decisionMessages.ts';
import { writePreferences } from './export.ts';
import { type FeedbackLine, feedbackVersion } from './feedbackEvents.ts';
import { feedbackFolder } from './feedbackIndex.ts';
import { fileError } from './fileErrors.ts';
import { goldFolder } from './gold.ts';
import { annotatorsIn, labelledResponsesIn, preferenceRowsOf, preferredIn } from './labelled.ts';
import { Mutex } from './mutex.ts';
import { addResponses } from './newResponses.ts';
import { Pacer } from './pacer.ts';
import { compareSettings, type ProjectConfig, projectFile } from './projectConfig.ts';
import { projectInfo } from './projectInfo.ts';
import { ProjectState } from './projectState.ts';
import type {
  InfoOptions,
  LabelledResponse,
  NewResponse,
  PreferenceOptions,
  Preferences,
  ProjectStore,
  PromptEntry,
} from './projectStore.ts';
import { type Changed, ProjectWatcher } from './watcher.ts';

/**
 * Opens the files of a project. Nothing is held open between two calls.
 *
 * @throws UserError where the folder is no project
 */
export async function openProjectStore(folder: string): Promise<ProjectStore> {
  const path = resolve(folder);
  await stat(join(path, projectFile)).catch((error: unknown) => {
    throw fileError(
      `${path} is no Palate project: cannot read ${projectFile}`,
      error,
      '“Palate: New Project” makes one.',
    );
  });
  const store = new FileProjectStore(path);
  await store.open();
  return store;
}

const mostAtOnce = 100;

class FileProjectStore implements ProjectStore {
  readonly folder: string;
  readonly #state: ProjectState;
  readonly #mutex = new Mutex();
  readonly #watcher: ProjectWatcher;
  readonly #listeners = new Set<(what: Changed) => void>();
  readonly #app = appVersion();
  #closed = false;

  constructor(folder: string) {
    this.folder = folder;
    this.#state = new ProjectState(folder);
    this.#watcher = new ProjectWatcher(folder, {
      places: () => placesOf(this.#state.pictureFolders),
      changed: (what) => {
        for (const listener of this.#listeners) listener(what);
      },
    });
  }

  async open(): Promise<void> {
    await this.#watcher.start();
    await this.#fresh(async () => undefined);
  }

  // ------------------------------------------------------------------------------------------------ the project

  info(options: InfoOptions = {}): Promise<ProjectInfo> {
    return this.#fresh(async () => projectInfo(this.#state, options), { pictures: true });
  }

  config(): Promise<ProjectConfig> {
    return this.#fresh(async () => {
      const { usable, error } = this.#state.config;
      if (error !== undefined) throw error;
      return usable;
    });
  }

  prompts(): Promise<readonly PromptEntry[]> {
    return this.#fresh(async () => this.#state.content.prompts, { pictures: true });
  }

  async addResponses(name: string, responses: readonly NewResponse[]): Promise<number> {
    const written = await addResponses(this.folder, name, responses);
    this.#watcher.hint();
    return written;
  }

  onChange(listener: (what: Changed) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher.close();
    this.#listeners.clear();
    await this.#mutex.run(async () => undefined);
    await this.#state.close();
  }

  // ------------------------------------------------------------------------------------------------ labelling

  next(annotator: string, count: number, held: readonly string[]): Promise<CompareQueue> {
    return this.#fresh(async () => {
      const most = Math.min(Math.max(0, Math.floor(count) || 0), mostAtOnce);
      for (let attempt = 0; ; attempt++) {
        const labels = this.#labelsOf(annotator);
        const asked = this.#state.queue.next(labels, most, this.#keysOf(held));
        const stands = await this.#state.picturesStand(asked.flatMap(({ shown }) => shown));
        if (!stands && attempt < 3) continue;
        const comparisons = asked.flatMap((pair) => this.#state.comparisonOf(pair) ?? []);
        const progress = this.#state.queue.progress(labels);
        const last = await this.#last(labels);
        const empty = this.#whyEmpty(comparisons.length, progress);
        const settings = await compareSettings(this.folder, this.#state.config.usable);
        return { comparisons, progress, settings, ...(last && { last }), ...(empty && { empty }) };
      }
    });
  }

  comparison(annotator: string, id: string, { open = false } = {}): Promise<Comparison | null> {
    return this.#fresh(async () => {
      const name = readComparisonId(id);
      if (name === undefined || !(await this.#state.picturesStand(name.responses))) return null;
      if (!name.responses.every((response) => this.#state.isShowable(response))) return null;
      const [low, high] = name.responses.map((response) => this.#state.numbers.number(response)).sort((a, b) => a - b);
      const labels = this.#labelsOf(annotator);
      if (open && labels.current(comparisonKey(low, high, name.repeat)) !== -1) return null;
      return this.#state.comparisonOf(this.#state.queue.asked(labels, low, high, name.repeat)) ?? null;
    });
  }

  decide(annotator: string, message: Decision): Promise<Recorded> {
    return this.#fresh(async () => {
      await this.#checkPictures(message);
      const { decision, pair } = checkDecision(message, this.#state.content);
      const { choice, strength, scale, aspects, comment, ms } = decision;
      const { prompt, responses, shown, repeat } = pair;
      const where = { event: 'decide' as const, prompt, responses, shown, ...(repeat && { repeat }) };
      const what = {
        choice,
        ...(strength === undefined ? {} : { strength }),
        scale,
        aspects,
        comment,
        ms: Math.round(ms),
      };
      return this.#record(annotator, { ...where, ...what }, 'Your decision was not saved');
    });
  }

  skip(annotator: string, message: Skip): Promise<Recorded> {
    return this.#fresh(async () => {
      await this.#checkPictures(message);
      const { skip, pair } = checkSkip(message, this.#state.content);
      const { prompt, responses, shown, repeat } = pair;
      const where = { event: 'skip' as const, prompt, responses, shown, ...(repeat && { repeat }) };
      return this.#record(
        annotator,
        { ...where, reason: skip.reason, ms: Math.round(skip.ms) },
        'The skip was not saved',
      );
    });
  }

  undo(annotator: string): Promise<Recorded | null> {
    return this.#fresh(async () => {
      const labels = this.#labelsOf(annotator);
      const row = labels.undoable;
      if (row === -1) return null;
      const event = await this.#recorded(labels, row);
      const asked = this.#state.askedIn(labels, row);
      const recorded = await this.#record(annotator, { event: 'undo', of: event.id }, 'Nothing was undone');
      const reopened = this.#state.comparisonOf(asked);
      return { ...recorded, event, ...(reopened && { reopened }) };
    });
  }

  redo(annotator: string): Promise<Recorded | null> {
    return this.#fresh(async () => {
      const labels = this.#labelsOf(annotator);
      const row = labels.redoable;
      if (row === -1) return null;
      const event = await this.#recorded(labels, row);
      return { ...(await this.#record(annotator, { event: 'redo', of: event.id }, 'Nothing was redone')), event };
    });
  }

  progress(annotator: string): Promise<LabelProgress> {
    return this.#fresh(async () => this.#state.queue.progress(this.#labelsOf(annotator)));
  }

  // ------------------------------------------------------------------------------------------------ preferences

  preferences(options: PreferenceOptions = {}): Promise<Preferences> {
    return this.#fresh(async () => {
      const wanted = { text: options.modality !== 'image', image: false };
      const { pairs, leftOut } = await preferredIn(this.#state, options.annotators, wanted);
      return { rows: await preferenceRowsOf(pairs), leftOut: leftOut as Readonly<Record<string, number>> };
    });
  }

  exportPreferences(path: string, { annotators, modality }: PreferenceOptions = {}): Promise<ExportSummary> {
    return this.#fresh(async () => {
      const wanted = { text: modality !== 'image', image: modality !== 'text' };
      return writePreferences(this.folder, path, await preferredIn(this.#state, annotators, wanted));
    });
  }

  labelledResponses(): Promise<readonly LabelledResponse[]> {
    return this.#fresh(() => labelledResponsesIn(this.#state));
  }

  agreement(options: PreferenceOptions = {}): Promise<Agreement> {
    return this.#fresh(async () => {
      const annotators = annotatorsIn(this.#state, options.annotators);
      const pacer = new Pacer();
      const { numbers, gold } = this.#state;
      return agreementOf(annotators, votedPairs(annotators, pacer), numbers, pacer, gold);
    });
  }

  // ------------------------------------------------------------------------------------------------ inner parts

  /** Runs one call at a time, on what the files hold now. */
  #fresh<Result>(work: () => Promise<Result>, options: { readonly pictures?: boolean } = {}): Promise<Result> {
    return this.#mutex.run(async () => {
      if (this.#closed) throw new Error(`The store of ${this.folder} was closed.`);
      await this.#state.refresh(options);
      return work();
    });
  }

  #labelsOf(annotator: string): AnnotatorLabels {
    return this.#state.index.labelsOf(annotatorNamed(annotator));
  }

  #keysOf(ids: readonly string[]): ComparisonKey[] {
    return ids.flatMap((id) => {
      const name = readComparisonId(id);
      if (name === undefined || !name.responses.every((response) => this.#state.isShowable(response))) return [];
      const [low, high] = name.responses.map((response) => this.#state.numbers.number(response)).sort((a, b) => a - b);
      return [comparisonKey(low, high, name.repeat)];
    });
  }

  /** What was shown must be what the response's id speaks of. */
  async #checkPictures(message: unknown): Promise<void> {
    const { comparison } = (message ?? {}) as { comparison?: unknown };
    const name = typeof comparison === 'string' ? readComparisonId(comparison) : undefined;
    if (name !== undefined) await this.#state.picturesStand(name.responses);
  }

  /** Writes an event and resolves when it is on the disk and in the index. */
  async #record(annotator: string, event: EventBody, refused: string): Promise<Recorded> {
    const name = annotatorNamed(annotator);
    const file = logFileOf(name);
    const id = randomUUID();
    const at = new Date(this.#state.index.labelsOf(name).nextTime()).toISOString();
    const line = { v: feedbackVersion, id, at, annotator: name, ...event, app: this.#app } as FeedbackLine;
    try {
      await appendLines(join(this.folder, feedbackFolder, file), JSON.stringify(line), id);
    } catch (error) {
      throw fileError(`${refused}: cannot write ${feedbackFolder}/${file}`, error, 'Mend that and do it again.');
    }
    this.#watcher.hint();
    await this.#state.refresh({ own: file });
    const labels = this.#state.index.labelsOf(name);
    if (labels.rowOf(id) === -1) {
      const why = this.#state.index.whyUnreadable(file);
      if (why !== undefined) throw new UserError(`It was written, and counts once it can be read again. ${why}`);
      throw new UserError(`${refused}: another program has just replaced ${feedbackFolder}/${file}. Do it again.`);
    }
    const last = await this.#last(labels);
    return {
      // Of an undo or redo the caller puts the event that it is about.
      event: 'of' in event ? (last as RecordedEvent) : this.#state.recordedEvent(labels, labels.rowOf(id), line),
      progress: this.#state.queue.progress(labels),
      ...(last && { last }),
    };
  }

  async #recorded(labels: AnnotatorLabels, row: number): Promise<RecordedEvent> {
    return this.#state.recordedEvent(labels, row, await this.#state.index.readLine(labels, row));
  }

  /** The newest event that stands. */
  async #last(labels: AnnotatorLabels): Promise<RecordedEvent | undefined> {
    return labels.undoable === -1 ? undefined : this.#recorded(labels, labels.undoable);
  }

  #whyEmpty(found: number, { remaining }: LabelProgress): CompareQueue['empty'] {
    if (found > 0) return undefined;
    if (this.#state.content.prompts.length === 0) return 'noPrompts';
    if (!this.#state.queue.hasPairs) return 'noResponses';
    return remaining > 0 ? undefined : 'allDecided';
  }
}

type Body<Line> = Line extends unknown ? Omit<Line, 'v' | 'id' | 'at' | 'annotator' | 'app'> : never;
type EventBody = Body<FeedbackLine>;

function placesOf(pictureFolders: readonly string[]) {
  return [
    { what: 'config' as const, folder: '', files: /^(palate\.json|.*\.md)$/ },
    { what: 'feedback' as const, folder: feedbackFolder, files: /\.jsonl$/i },
    { what: 'content' as const, folder: 'prompts', files: /\.(jsonl|ndjson)$/i },
    { what: 'content' as const, folder: goldFolder, files: /\.(jsonl|ndjson)$/i },
    { what: 'content' as const, folder: 'responses', files: /\.(jsonl|ndjson)$/i },
    ...pictureFolders.slice(0, 32).map((folder) => ({ what: 'content' as const, folder, files: /./ })),
  ];
}

function appVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}
