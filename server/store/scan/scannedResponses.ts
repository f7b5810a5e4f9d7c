import { isContentId, PromptIds, writtenResponseIdOf } from '../contentIds.ts';
import { arePlaces, areRanges, linesAreSound, type ScannedLines, scanLines } from './scannedLines.ts';
import { jsonTextAt, readWrittenRow } from './writtenRow.ts';

/** Lines of responses/*.jsonl. Of those that are plain rows, the response's id and where its text stands. */
export interface ScannedResponses extends ScannedLines {
  /** 32 digits a line, one after the other. */
  readonly ids: string;
  /** Place in `prompts`: rows below one another to the same prompt have the same. */
  readonly promptOf: Uint32Array;
  readonly prompts: readonly { readonly id: string; readonly content: string }[];
  /** Of JSON's text in the bytes, between its quotation marks. */
  readonly textStarts: Uint32Array;
  readonly textEnds: Uint32Array;
  readonly finished: Uint8Array;
  /** Place in `models`. */
  readonly modelOf: Uint8Array;
  readonly models: readonly (string | null)[];
}

const noId = ' '.repeat(32);

export function scanResponses(bytes: Buffer): ScannedResponses {
  const lines = scanLines(bytes);
  const count = lines.starts.length;
  const ids: string[] = [];
  const prompts = new Prompts(bytes);
  const models = new Models(bytes);
  const [promptOf, textStarts, textEnds] = [0, 1, 2].map(() => new Uint32Array(count));
  const [finished, modelOf] = [0, 1].map(() => new Uint8Array(count));
  for (let k = 0; k < count; k++) {
    const row = readWrittenRow(bytes, lines.starts[k], lines.ends[k]);
    const model = row === undefined ? 256 : models.of(row.modelStart, row.modelEnd);
    if (row === undefined || model > 255) {
      ids.push(noId);
      continue;
    }
    promptOf[k] = prompts.of(row.promptStart, row.promptEnd);
    ids.push(writtenResponseIdOf(prompts.found[promptOf[k]].id, bytes, row.textStart, row.textEnd));
    textStarts[k] = row.textStart;
    textEnds[k] = row.textEnd;
    finished[k] = Number(row.finished);
    modelOf[k] = model;
    lines.plain[k] = 1;
  }
  const columns = { promptOf, textStarts, textEnds, finished, modelOf };
  return { ...lines, ...columns, ids: ids.join(''), prompts: prompts.found, models: models.found };
}

/** Whether this can be the scan of so many bytes. */
export function responsesAreSound(scanned: ScannedResponses, length: number): boolean {
  const count = scanned.starts.length;
  const { ids, promptOf, prompts, textStarts, textEnds, finished, modelOf, models } = scanned;
  return (
    linesAreSound(scanned, length) &&
    ids.length === 32 * count &&
    [promptOf, textStarts, textEnds, finished, modelOf].every((column) => column.length === count) &&
    prompts.every(({ id, content }) => isContentId(id) && typeof content === 'string') &&
    models.every((model) => model === null || typeof model === 'string') &&
    arePlaces(promptOf, Math.max(1, prompts.length)) &&
    arePlaces(modelOf, models.length) &&
    areRanges(textStarts, textEnds, length)
  );
}

/** Prompts of rows, in which the same one mostly stands several times one below the other. */
class Prompts {
  readonly found: { readonly id: string; readonly content: string }[] = [];
  readonly #bytes: Buffer;
  readonly #ids = new PromptIds();
  #start = 0;
  #end = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  of(start: number, end: number): number {
    if (!isSame(this.#bytes, this.#start, this.#end, start, end)) {
      const content = jsonTextAt(this.#bytes, start, end);
      this.found.push({ id: this.#ids.of(content), content });
      this.#start = start;
      this.#end = end;
    }
    return this.found.length - 1;
  }
}

/** The few models that rows name. The first is none. */
class Models {
  readonly found: (string | null)[] = [null];
  readonly #bytes: Buffer;
  readonly #places: (readonly [start: number, end: number])[] = [[0, 0]];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  of(start: number, end: number): number {
    const known = this.#places.findIndex(([from, to]) => isSame(this.#bytes, from, to, start, end));
    if (known !== -1) return known;
    this.#places.push([start, end]);
    return this.found.push(jsonTextAt(this.#bytes, start, end)) - 1;
  }
}

function isSame(bytes: Buffer, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let k = end - start - 1; k >= 0; k--) if (bytes[start + k] !== bytes[otherStart + k]) return false;
  return true;
}
