import type { Stats } from 'node:fs';
import { UserError } from '../errors.ts';
import type { ChatMessage, Response, ResponsePart } from '../protocol/types.ts';
import { type PromptIds, responseIdOf } from './contentIds.ts';
import { fileError } from './fileErrors.ts';
import type { ImageFiles } from './images.ts';
import { type JsonLine, parseJsonLine } from './jsonLines.ts';
import type { ScanCache } from './kept/scanCache.ts';
import { type FileLine, LineFile, type LineOptions, type LineReader } from './lineFile.ts';
import { type ResponseDraft, responsesOf } from './responseRows.ts';
import { promptOf } from './rows.ts';
import type { ScanKind } from './scan/scan.ts';
import type { ScannedResponses } from './scan/scannedResponses.ts';
import { jsonTextAt } from './scan/writtenRow.ts';
import { WrittenResponse } from './writtenResponse.ts';

export interface PromptLine {
  readonly id: string;
  readonly content: string | readonly ChatMessage[];
  readonly line: number;
}

export interface ResponseLine {
  readonly promptId: string;
  readonly prompt: string | readonly ChatMessage[];
  readonly response: Response;
}

/** A row with pictures, whose bytes have still to be looked at, or to be looked at again. */
interface PictureRow {
  readonly line: number;
  readonly promptId: string;
  readonly draft: ResponseDraft;
  /** Where its response stands in `rows`. */
  readonly at: number;
}

const mostProblems = 50;
const largestFile = 2 ** 30;

/** One file of prompts/ or responses/: its rows, and sentences about those that are none. */
export abstract class ContentFile<Row, Kind extends ScanKind = 'lines'> {
  /** Relative to the project, with forward slashes. */
  readonly name: string;
  readonly rows: (Row | undefined)[] = [];
  protected readonly promptIds: PromptIds;
  readonly #problems: string[] = [];
  #moreProblems = 0;
  #unreadable: string | undefined;
  readonly #lines: LineFile<Kind>;

  constructor(
    path: string,
    name: string,
    promptIds: PromptIds,
    options: LineOptions<Kind>,
    scanned?: LineReader<Kind>['scanned'],
  ) {
    this.name = name;
    this.promptIds = promptIds;
    const reader: LineReader<Kind> = {
      reset: () => this.clear(),
      line: (line, tooLong) => this.#take(line, tooLong),
      unfinished: (line) => this.#takeUnfinished(line),
      scanned,
    };
    this.#lines = new LineFile(path, reader, options);
  }

  /** True: its rows or its problems are not what they were. */
  async refresh(stats: Stats | undefined): Promise<boolean> {
    const before = this.#unreadable;
    this.#unreadable = undefined;
    try {
      if (stats !== undefined && !stats.isFile()) throw new UserError(`${this.name} is not a file.`);
      if (stats !== undefined && stats.size > largestFile) {
        throw new UserError(
          `${this.name} has ${(stats.size / 2 ** 30).toFixed(1)} GiB; at most 1 GiB can be read. Split it.`,
        );
      }
      return (await this.#lines.refresh(stats)) !== 'same' || before !== undefined;
    } catch (error) {
      this.#unreadable = fileError(`Cannot read ${this.name}`, error).message;
      return this.#unreadable !== before;
    }
  }

  get problems(): readonly string[] {
    const more = this.#moreProblems > 0 ? [`${this.name}: ${this.#moreProblems} more lines are left out.`] : [];
    return [...(this.#unreadable === undefined ? [] : [this.#unreadable]), ...this.#problems, ...more];
  }

  protected clear(): void {
    this.rows.length = 0;
    this.#problems.length = 0;
    this.#moreProblems = 0;
  }

  protected abstract read(line: JsonLine): void;

  #take({ line, bytes }: FileLine, tooLong: boolean): void {
    try {
      if (tooLong) throw new UserError(`${this.name}:${line}: this line is longer than 8 MB.`);
      const parsed = parseJsonLine(this.name, line, bytes);
      if (parsed !== undefined) this.read(parsed);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (this.#problems.length < mostProblems) this.#problems.push(error.message);
      else this.#moreProblems++;
    }
  }

  /** Files often end without a line end; a line that is being written is no JSON yet. */
  #takeUnfinished(line: FileLine): boolean {
    try {
      JSON.parse(line.bytes.toString('utf8'));
    } catch {
      return false;
    }
    this.#take(line, false);
    return true;
  }
}

export class PromptFile extends ContentFile<PromptLine> {
  constructor(path: string, name: string, promptIds: PromptIds) {
    super(path, name, promptIds, { kind: 'lines' });
  }

  protected override read(line: JsonLine): void {
    const row = promptOf(line);
    const content = 'prompt' in row ? row.prompt : row.messages;
    this.rows.push({ id: this.promptIds.of(content), content, line: line.line });
  }
}

export class ResponseFile extends ContentFile<ResponseLine, 'responses'> {
  #pictureRows: PictureRow[] = [];
  readonly #pictureProblems = new Map<PictureRow, string>();
  #lastPrompt = { content: '', id: '' };

  constructor(path: string, name: string, promptIds: PromptIds, cache: ScanCache) {
    super(path, name, promptIds, { kind: 'responses', cache, keeps: true }, (scanned, k, _offset, chunk) => {
      this.rows.push(this.#scannedLine(scanned, k, chunk));
      return true;
    });
  }

  /** Relative paths of all pictures. */
  get pictures(): string[] {
    return this.#pictureRows.flatMap(({ draft }) =>
      draft.parts.flatMap((part) => (part.type === 'image' ? [part.path] : [])),
    );
  }

  override get problems(): readonly string[] {
    return [...super.problems, ...[...this.#pictureProblems.values()].slice(0, mostProblems)];
  }

  /** Hashes the pictures; a row whose pictures changed has another response then. True: one has. */
  async resolvePictures(images: ImageFiles): Promise<boolean> {
    let changed = false;
    for (const row of this.#pictureRows) {
      const before = this.rows[row.at]?.response.id ?? this.#pictureProblems.get(row);
      this.#pictureProblems.delete(row);
      try {
        const parts: ResponsePart[] = [];
        for (const part of row.draft.parts) {
          parts.push(part.type === 'text' ? part : { ...part, sha256: await images.hashOf(part.path) });
        }
        this.rows[row.at] = responseLine(row.promptId, row.draft.prompt, row.draft, parts);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        this.rows[row.at] = undefined;
        this.#pictureProblems.set(row, `${this.name}:${row.line}: ${error.message}`);
      }
      changed ||= before !== (this.rows[row.at]?.response.id ?? this.#pictureProblems.get(row));
    }
    return changed;
  }

  protected override clear(): void {
    super.clear();
    this.#pictureRows = [];
    this.#pictureProblems.clear();
  }

  protected override read(line: JsonLine): void {
    for (const draft of responsesOf(line)) {
      const promptId = this.#promptId(draft.prompt);
      if (draft.parts.every((part) => part.type === 'text')) {
        // One string for all responses to a prompt.
        const prompt = promptId === this.#lastPrompt.id ? this.#lastPrompt.content : draft.prompt;
        this.rows.push(responseLine(promptId, prompt, draft, draft.parts));
      } else {
        this.#pictureRows.push({ line: line.line, promptId, draft, at: this.rows.length });
        this.rows.push(undefined);
      }
    }
  }

  #scannedLine(scanned: ScannedResponses, k: number, bytes: Buffer): ResponseLine {
    const promptId = scanned.promptIds.slice(32 * scanned.promptOf[k], 32 * scanned.promptOf[k] + 32);
    if (this.#lastPrompt.id !== promptId) {
      const content = jsonTextAt(bytes, scanned.promptStarts[k], scanned.promptEnds[k]);
      this.#lastPrompt = { content, id: promptId };
    }
    const { id: last, content: prompt } = this.#lastPrompt;
    const id = scanned.ids.slice(32 * k, 32 * k + 32);
    const model = scanned.models[scanned.modelOf[k]] || undefined;
    const text = { bytes, start: scanned.textStarts[k], end: scanned.textEnds[k] };
    return { promptId: last, prompt, response: new WrittenResponse(id, scanned.finished[k] === 1, model, text) };
  }

  /** Responses to one prompt mostly stand one below the other. */
  #promptId(content: string | readonly ChatMessage[]): string {
    if (typeof content !== 'string') return this.promptIds.of(content);
    if (this.#lastPrompt.content !== content) this.#lastPrompt = { content, id: this.promptIds.of(content) };
    return this.#lastPrompt.id;
  }
}

function responseLine(
  promptId: string,
  prompt: ResponseDraft['prompt'],
  { finished, model }: ResponseDraft,
  parts: readonly ResponsePart[],
): ResponseLine {
  const id = responseIdOf(promptId, parts);
  const response = model === undefined ? { id, parts, finished } : { id, parts, finished, model };
  return { promptId, prompt, response };
}
