import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { AnnotatorLabels, type KeptLabels, type LabelChange } from './annotatorLabels.ts';
import { annotatorNamed } from './annotatorName.ts';
import { statFiles } from './content.ts';
import { choices, kinds } from './eventColumns.ts';
import { type FeedbackEvent, type FeedbackLine, type PairEvent, readFeedback } from './feedbackEvents.ts';
import { fileError, reasonOf } from './fileErrors.ts';
import type { KeptIds } from './hexIds.ts';
import { wordsOf } from './hexIds.ts';
import { type JsonLine, lineError, parseJsonLine } from './jsonLines.ts';
import type { KeptFiles } from './kept/keptFiles.ts';
import { decodeRecord, encodeRecord, recordsIn, sealed } from './kept/keptRecord.ts';
import { type FileLine, type KeptLines, LineFile } from './lineFile.ts';
import { Pacer } from './pacer.ts';
import type { ResponseNumbers } from './responseNumbers.ts';
import type { ScannedDecisions } from './scan/scannedDecisions.ts';

export const feedbackFolder = 'feedback';

/** Told what changes in the index, event by event, and when everything that was told does not count any more. */
export interface FeedbackListener {
  readonly changed: LabelChange;
  /** Of one annotator, or of all. */
  restarted(annotator?: AnnotatorLabels): void;
}

const mostProblems = 50;

interface LogFile {
  readonly name: string;
  readonly number: number;
  readonly lines: LineFile<'decisions'>;
  readonly problems: string[];
  /** Why it could not be read the last time. */
  unreadable?: string;
  newer: boolean;
}

/** All of the index, for the next opening of the project. */
interface KeptIndex {
  readonly numbers: KeptIds;
  /** In the order of their numbers, by their names in the folder. */
  readonly files: readonly (Pick<LogFile, 'name' | 'problems' | 'newer'> & { readonly lines: KeptLines })[];
  readonly annotators: readonly (readonly [string, KeptLabels])[];
}

/** A log that has grown by so much is kept anew. */
const muchBytes = 2 ** 20;
const keptName = 'feedback.bin';

/**
 * The decisions below feedback/, followed as the files grow and change. The index of large logs is kept from one opening
 * of the project to the next, and used where every log begins with the very bytes that it was made of.
 */
export class FeedbackIndex {
  readonly #folder: string;
  readonly #numbers: ResponseNumbers;
  readonly #listener: FeedbackListener;
  readonly #keptFiles: KeptFiles;
  #files = new Map<string, LogFile>();
  #annotators = new Map<string, AnnotatorLabels>();
  readonly #names = new Map<string, string>();
  /** A file lost what was read of it: everything is read again. */
  #stale = false;
  /** Bytes of the logs that the kept index is about; undefined: it was not looked at. */
  #keptBytes: number | undefined;
  #folderProblem: string | undefined;

  constructor(project: string, numbers: ResponseNumbers, kept: KeptFiles, listener: FeedbackListener) {
    this.#folder = join(project, feedbackFolder);
    this.#numbers = numbers;
    this.#listener = listener;
    this.#keptFiles = kept;
  }

  get annotators(): ReadonlyMap<string, AnnotatorLabels> {
    return this.#annotators;
  }

  /** Sentences about lines that cannot be read. */
  get problems(): string[] {
    const files = [...this.#files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return [...(this.#folderProblem ? [this.#folderProblem] : []), ...files.flatMap(problemsOf)];
  }

  /** Why a log, or the folder of all logs, could not be read the last time; undefined: it could. */
  whyUnreadable(name: string): string | undefined {
    return this.#folderProblem ?? this.#files.get(name)?.unreadable;
  }

  /** Whether a line was written by a newer version of Palate. */
  get newer(): boolean {
    return [...this.#files.values()].some(({ newer }) => newer);
  }

  labelsOf(annotator: string): AnnotatorLabels {
    let labels = this.#annotators.get(annotator);
    if (labels === undefined) {
      labels = new AnnotatorLabels(annotator);
      this.#annotators.set(annotator, labels);
    }
    return labels;
  }

  /** Reads what changed. `own`: the file that this process has just appended to. True: something did. */
  async refresh(own?: string): Promise<boolean> {
    const isRestored = this.#keptBytes === undefined && (await this.#restore());
    let changed = await this.#readFiles(own);
    // What was kept counts only where every log was looked at.
    if (isRestored && [...this.#files.keys()].some((name) => this.whyUnreadable(name) !== undefined))
      this.#stale = true;
    if (this.#stale) {
      this.#stale = false;
      this.#keptBytes = 0;
      this.#files = new Map();
      this.#annotators = new Map();
      this.#listener.restarted();
      await this.#readFiles();
      changed = true;
    }
    const pacer = new Pacer();
    for (const labels of this.#annotators.values()) {
      await labels.settle(pacer, this.#listener.changed, () => this.#listener.restarted(labels));
    }
    this.#keep();
    return changed;
  }

  /** The line of an event as it stands in its file. Undefined: it is not there any more. */
  async readLine(labels: AnnotatorLabels, row: number): Promise<FeedbackLine | undefined> {
    const { file: files, offset, length } = labels.events;
    const file = [...this.#files.values()].find(({ number }) => number === files[row]);
    if (file === undefined) return undefined;
    const bytes = Buffer.alloc(length[row]);
    try {
      const handle = await open(file.lines.path, 'r');
      try {
        await handle.read(bytes, 0, bytes.length, offset[row]);
      } finally {
        await handle.close();
      }
      const value = parseJsonLine(file.name, 0, bytes)?.value as FeedbackLine | undefined;
      return value?.id.toLowerCase() === labels.events.idOf(row) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  async #readFiles(own?: string): Promise<boolean> {
    let found: Awaited<ReturnType<typeof statFiles>>;
    try {
      found = await statFiles(this.#folder, /\.jsonl$/i);
      this.#folderProblem = undefined;
    } catch (error) {
      this.#folderProblem = `Cannot read the folder ${feedbackFolder}: ${reasonOf(error)}.`;
      return false;
    }
    let changed = false;
    for (const name of this.#files.keys()) {
      if (!found.has(name)) this.#stale = true;
    }
    for (const [name, stats] of found) {
      const file = this.#files.get(name) ?? this.#newFile(name);
      file.unreadable = undefined;
      try {
        if (!stats.isFile()) throw new UserError(`${feedbackFolder}/${name} is not a file.`);
        if ((await file.lines.refresh(stats, { own: name === own })) !== 'same') changed = true;
      } catch (error) {
        file.unreadable = fileError(`Cannot read ${feedbackFolder}/${name}`, error).message;
      }
    }
    return changed;
  }

  /** Takes what was kept of these logs, if they are still so large. False: nothing was. */
  async #restore(): Promise<boolean> {
    this.#keptBytes = 0;
    const found = await statFiles(this.#folder, /\.jsonl$/i).catch(() => new Map<string, Stats>());
    const bytes = [...found.values()].reduce((sum, { size }) => sum + size, 0);
    const read = bytes < muchBytes ? undefined : await this.#keptFiles.read(keptName, bytes);
    const [record] = read === undefined ? [] : recordsIn(read.bytes, 1);
    if (read === undefined || record === undefined || record.length > bytes) return false;
    const kept = (await decodeRecord(keptName, record, read.key)) as KeptIndex | undefined;
    if (kept === undefined) return false;
    this.#numbers.restore(kept.numbers);
    for (const { name, lines, problems, newer } of kept.files) {
      const file = this.#newFile(name, lines);
      file.problems.push(...problems);
      file.newer = newer;
    }
    for (const [name, labels] of kept.annotators) this.#annotators.set(name, new AnnotatorLabels(name, labels));
    this.#keptBytes = record.length;
    return true;
  }

  /** Keeps the index for the next opening, where the logs have grown much. */
  #keep(): void {
    const files = [...this.#files];
    const bytes = files.reduce((sum, [, { lines }]) => sum + lines.known, 0);
    if (bytes - (this.#keptBytes ?? 0) < muchBytes) return;
    this.#keptBytes = bytes;
    const kept: KeptIndex = {
      numbers: this.#numbers.kept,
      files: files.map(([name, { lines, problems, newer }]) => ({ name, lines: lines.kept, problems, newer })),
      annotators: [...this.#annotators].map(([name, labels]) => [name, labels.kept]),
    };
    // As it is now: others go on while it is being written.
    const record = encodeRecord(keptName, { start: 0, length: bytes }, kept);
    this.#keptFiles.write(keptName, async function* (key) {
      yield await sealed(record, key);
    });
  }

  #newFile(name: string, before?: KeptLines): LogFile {
    const file: LogFile = {
      name: `${feedbackFolder}/${name}`,
      number: this.#files.size,
      problems: [],
      newer: false,
      lines: new LineFile<'decisions'>(
        join(this.#folder, name),
        {
          reset: () => {
            this.#stale = true;
          },
          scanned: (scanned, k, offset) => this.#takeScanned(file, scanned, k, offset),
          line: (line, tooLong) => this.#take(file, line, tooLong),
          unfinished: (line) => this.#takeUnfinished(file, line),
        },
        { kind: 'decisions', before },
      ),
    };
    this.#files.set(name, file);
    return file;
  }

  #take(file: LogFile, line: FileLine, tooLong = false): void {
    try {
      if (tooLong) throw new UserError(`${file.name}:${line.line}: this line is longer than 8 MB, and is left out.`);
      const parsed = parseJsonLine(file.name, line.line, line.bytes);
      if (parsed === undefined) return;
      const event = readEvent(parsed);
      if (event === 'newer') file.newer = true;
      else if (event !== 'unknown') this.#add(event, this.#nameOf(event.annotator, parsed), file.number, line);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (file.problems.length < mostProblems) file.problems.push(sentenceAbout(error, file, line));
    }
  }

  /** A last line without an end: whole, or what a crash has left of one. */
  #takeUnfinished(file: LogFile, line: FileLine): boolean {
    try {
      JSON.parse(line.bytes.toString('utf8'));
    } catch {
      return false;
    }
    this.#take(file, line);
    return true;
  }

  /** The annotator's name as it is kept; looked up, because 100,000 lines have few names. */
  #nameOf(written: string, line: JsonLine): string {
    let name = this.#names.get(written);
    if (name === undefined) {
      try {
        name = annotatorNamed(written);
      } catch (error) {
        throw lineError(line, (error as Error).message);
      }
      this.#names.set(written, name);
    }
    return name;
  }

  /** A plain decision. False: of an annotator whose name is to be looked at. */
  #takeScanned(file: LogFile, scanned: ScannedDecisions, k: number, offset: number): boolean {
    const annotator = this.#names.get(scanned.names[scanned.annotators[k]]);
    if (annotator === undefined) return false;
    const labels = this.labelsOf(annotator);
    const row = labels.add(scanned.ids, 4 * k, scanned.at[k], kinds.decide);
    if (row === -1) return true;
    placeLine(labels, row, file.number, offset, scanned.ends[k] - scanned.starts[k]);
    const { events } = labels;
    const first = this.#numbers.numberOf(scanned.firsts, 4 * k);
    const second = this.#numbers.numberOf(scanned.seconds, 4 * k);
    events.setPair(row, first, second, scanned.swapped[k] === 1);
    events.setChoice(row, first, second, scanned.choices[k]);
    events.repeat[row] = scanned.repeats[k];
    events.strength[row] = scanned.strengths[k];
    events.scale[row] = scanned.scales[k];
    events.ms[row] = scanned.ms[k];
    return true;
  }

  #add(event: FeedbackEvent, annotator: string, file: number, line: FileLine): void {
    const id = wordsOf(event.id);
    const { at } = event;
    const labels = this.labelsOf(annotator);
    const row = labels.add(id, 0, at, kinds[event.event], 'of' in event ? event.of : undefined);
    if (row === -1) return;
    placeLine(labels, row, file, line.offset, line.length);
    if ('of' in event) return;
    const { responses, shown, repeat, strength, scale, ms } = event;
    const { events } = labels;
    const first = this.#numbers.numberOf(wordsOf(responses[0]));
    const second = this.#numbers.numberOf(wordsOf(responses[1]));
    events.setPair(row, first, second, shown[0] !== responses[0]);
    events.setChoice(row, first, second, choiceOf(event));
    events.repeat[row] = Number(repeat);
    events.strength[row] = strength;
    events.scale[row] = scale;
    events.ms[row] = Math.min(ms, 0xffffffff);
  }
}

/** Where an event's line stands. */
function placeLine({ events }: AnnotatorLabels, row: number, file: number, offset: number, length: number): void {
  events.file[row] = file;
  events.offset[row] = offset;
  events.length[row] = length;
}

/** As in WrittenDecision: the first response is `low`, the second `high`. */
function choiceOf({ choice, responses }: PairEvent): number {
  if (choice === undefined) return choices.none;
  if (choice === 'tie' || choice === 'bothGood' || choice === 'bothBad') return choices[choice];
  return choice === responses[0] ? choices.low : choices.high;
}

function problemsOf({ unreadable, problems }: LogFile): string[] {
  return unreadable === undefined ? problems : [unreadable, ...problems];
}

function readEvent(line: JsonLine): FeedbackEvent | 'newer' | 'unknown' {
  try {
    return readFeedback(line.value);
  } catch (error) {
    throw new UserError(`${line.file}:${line.line}: ${(error as Error).message}. The line is left out.`);
  }
}

function sentenceAbout(error: UserError, { name }: LogFile, { line, bytes }: FileLine): string {
  if (!/^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)/.test(bytes.toString('latin1', 0, 8))) return error.message;
  return `${name}:${line}: git left the mark of a conflict here. Delete such lines and keep all others: every decision counts once. With "feedback/*.jsonl merge=union" in .gitattributes there are no conflicts.`;
}
