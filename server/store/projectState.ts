import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { comparisonId } from '../feedback/comparisonId.ts';
import { type Asked, LabelQueue } from '../feedback/labelQueue.ts';
import type { Comparison, RecordedEvent, Response, ShownResponse } from '../protocol/types.ts';
import { type AnnotatorLabels, comparisonKey } from './annotatorLabels.ts';
import { type ContentSnapshot, modalityOf, ProjectContent } from './content.ts';
import { choices, kinds } from './eventColumns.ts';
import type { FeedbackLine } from './feedbackEvents.ts';
import { FeedbackIndex } from './feedbackIndex.ts';
import { type GoldAnswers, goldAnswers, showable } from './gold.ts';
import { KeptFiles } from './kept/keptFiles.ts';
import { textOf } from './preferences.ts';
import { projectFile, type ReadConfig, readProjectConfig } from './projectConfig.ts';
import { ResponseNumbers } from './responseNumbers.ts';

/** What is known of a project's files, brought up to date by `refresh`; the rest is answered from memory. */
export class ProjectState {
  readonly folder: string;
  readonly numbers = new ResponseNumbers();
  readonly queue = new LabelQueue(this.numbers);
  readonly index: FeedbackIndex;
  readonly #kept: KeptFiles;
  readonly #content: ProjectContent;
  #config: ReadConfig | undefined;
  #configSeen = '';
  /** The queue has to be made anew. */
  #stale = true;

  constructor(folder: string) {
    this.folder = folder;
    this.#kept = new KeptFiles(folder);
    this.#content = new ProjectContent(folder, this.#kept);
    this.index = new FeedbackIndex(folder, this.numbers, this.#kept, {
      changed: (labels, key, before, after) => {
        if (!this.#stale) this.queue.change(labels, key, before, after);
      },
      restarted: () => {
        this.#stale = true;
      },
    });
  }

  get content(): ContentSnapshot {
    return this.#content.snapshot;
  }

  isShowable(id: string): boolean {
    return showable(this.content, id) !== undefined;
  }

  get pictureFolders(): readonly string[] {
    return this.#content.pictureFolders;
  }

  get config(): ReadConfig {
    if (this.#config === undefined) throw new Error('The project was not read.');
    return this.#config;
  }

  /**
   * Reads what changed.
   *
   * @param options.own the log that this process has just appended to
   * @param options.pictures look at every picture
   */
  async refresh(options: { readonly own?: string; readonly pictures?: boolean } = {}): Promise<void> {
    await this.#refreshConfig();
    // At once: while one waits for the disk the other computes.
    const [content, index] = await Promise.allSettled([
      this.#content.refresh({ pictures: options.pictures }),
      this.index.refresh(options.own),
    ]);
    for (const part of [content, index]) if (part.status === 'rejected') throw part.reason;
    if (content.status === 'fulfilled' && content.value) this.#stale = true;
    if (!this.#stale) return;
    await this.queue.restart(this.content, this.config.usable.compare, this.index.annotators.values());
    this.#stale = false;
  }

  /** Resolves when nothing is being written any more. */
  close(): Promise<void> {
    return this.#kept.close();
  }

  /** Whether the responses' pictures are still the ones that their ids speak of; where not, all is read again. */
  async picturesStand(ids: Iterable<string>): Promise<boolean> {
    for (const id of ids) {
      const known = this.content.responses.get(id);
      if (known?.modality !== 'image' || (await this.#content.picturesStand(known.response))) continue;
      await this.refresh({ pictures: true });
      return false;
    }
    return true;
  }

  /** Undefined: a response is not in the project any more. */
  comparisonOf({ responses, repeat, shown }: Asked): Comparison | undefined {
    const [a, b] = shown.map((id) => showable(this.content, id));
    if (a === undefined || b === undefined || a.prompt.id !== b.prompt.id || a.modality !== b.modality)
      return undefined;
    return {
      id: comparisonId({ responses, repeat }),
      prompt: a.prompt,
      shown: [hidden(a.response), hidden(b.response)],
      modality: modalityOf(a.response),
    };
  }

  /** A decision or a skip as it was made. */
  askedIn({ events }: AnnotatorLabels, row: number): Asked {
    const [low, high] = [this.numbers.id(events.low[row]), this.numbers.id(events.high[row])];
    return {
      responses: low < high ? [low, high] : [high, low],
      repeat: events.repeat[row] === 1,
      shown: events.highFirst[row] === 1 ? [high, low] : [low, high],
    };
  }

  /** @param line of the event, for what is not kept in memory */
  recordedEvent(labels: AnnotatorLabels, row: number, line: FeedbackLine | undefined): RecordedEvent {
    const { events } = labels;
    const asked = this.askedIn(labels, row);
    const common = {
      id: events.idOf(row),
      comparison: comparisonId(asked),
      ms: events.ms[row],
      shown: [this.#shown(asked.shown[0]), this.#shown(asked.shown[1])] as const,
    };
    if (events.kind[row] === kinds.skip) {
      return { ...common, event: 'skip', reason: line?.event === 'skip' ? textIn(line.reason) : '' };
    }
    return {
      ...common,
      event: 'decide',
      choice: this.#choiceOf(labels, row),
      ...(events.strength[row] > 0 ? { strength: events.strength[row] } : {}),
      ...(events.scale[row] > 0 ? { scale: events.scale[row] } : {}),
      ...this.#goldOf(labels, row),
      comment: line?.event === 'decide' ? textIn(line.comment) : '',
    };
  }

  /** The right answers of the gold questions. */
  get gold(): GoldAnswers {
    return goldAnswers(this.content, this.numbers);
  }

  /** What is told about a gold question, unless the project keeps it to itself. */
  #goldOf({ events }: AnnotatorLabels, row: number): Pick<RecordedEvent, 'gold'> {
    if (!this.config.usable.compare.tellGold) return {};
    const right = this.gold.get(comparisonKey(events.low[row], events.high[row], false));
    if (right === undefined) return {};
    const chosen = { [choices.low]: events.low[row], [choices.high]: events.high[row] }[events.choice[row]];
    return { gold: chosen === right ? 'agrees' : 'differs' };
  }

  #choiceOf({ events }: AnnotatorLabels, row: number): string {
    const choice = events.choice[row];
    if (choice === choices.low) return this.numbers.id(events.low[row]);
    if (choice === choices.high) return this.numbers.id(events.high[row]);
    return choice === choices.tie ? 'tie' : choice === choices.bothGood ? 'bothGood' : 'bothBad';
  }

  #shown(id: string): ShownResponse {
    const response = showable(this.content, id)?.response;
    if (response === undefined) return { id, length: 0 };
    const length = textOf(response).length;
    return response.model === undefined ? { id, length } : { id, length, model: response.model };
  }

  async #refreshConfig(): Promise<void> {
    const status = await stat(join(this.folder, projectFile)).catch(() => undefined);
    const seen = status === undefined ? 'absent' : `${status.ino}:${status.size}:${status.mtimeMs}:${status.ctimeMs}`;
    if (this.#config !== undefined && seen === this.#configSeen) return;
    const before = this.#config?.usable.compare;
    const read = await readProjectConfig(this.folder);
    // A file that is just being written, or that a checkout took away, changes nothing of how pairs are shown.
    this.#config =
      read.error !== undefined && this.#config !== undefined ? { ...read, usable: this.#config.usable } : read;
    this.#configSeen = seen;
    const now = this.#config.usable.compare;
    if (before?.repeat !== now.repeat || before.seed !== now.seed) this.#stale = true;
  }
}

/** Names of models are hidden from annotators until they have decided. */
function hidden({ id, parts, finished }: Response): Response {
  return { id, parts, finished };
}

/** Of a line that somebody may have written by hand. */
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
