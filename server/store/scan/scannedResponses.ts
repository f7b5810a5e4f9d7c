import { promptIdOf, writtenResponseIdOf } from '../contentIds.ts';
import { placeIn, type ScannedLines, scanLines } from './scannedLines.ts';
import { jsonTextAt, readWrittenRow } from './writtenRow.ts';

/** Lines of responses/*.jsonl. Of those that are plain rows, their ids and where their texts stand. */
export interface ScannedResponses extends ScannedLines {
  /** 32 digits a line, one after the other; spaces where it is not plain. */
  readonly ids: string;
  /** Place among the prompts: rows below one another to the same prompt have the same. */
  readonly promptOf: Uint32Array;
  /** Of the prompts: 32 digits each, one after the other. */
  readonly promptIds: string;
  /** Of JSON's texts in the bytes, between their quotation marks. */
  readonly promptStarts: Uint32Array;
  readonly promptEnds: Uint32Array;
  readonly textStarts: Uint32Array;
  readonly textEnds: Uint32Array;
  readonly finished: Uint8Array;
  /** Place in `models`; '' is none. */
  readonly modelOf: Uint8Array;
  readonly models: readonly string[];
}

const noId = ' '.repeat(32);

export function scanResponses(bytes: Buffer): ScannedResponses {
  const lines = scanLines(bytes);
  const count = lines.starts.length;
  const ids: string[] = [];
  const promptIds: string[] = [];
  const models = new Map([['', 0]]);
  const [promptOf, promptStarts, promptEnds, textStarts, textEnds] = new Array(5)
    .fill(0)
    .map(() => new Uint32Array(count));
  const [finished, modelOf] = [new Uint8Array(count), new Uint8Array(count)];
  let before = { start: 0, end: 0 };
  for (let k = 0; k < count; k++) {
    const row = readWrittenRow(bytes, lines.starts[k], lines.ends[k]);
    const model = row === undefined ? -1 : placeIn(models, jsonTextAt(bytes, row.modelStart, row.modelEnd));
    if (row === undefined || model === -1) {
      ids.push(noId);
      continue;
    }
    const { promptStart, promptEnd, textStart, textEnd } = row;
    if (!isSame(bytes, before, promptStart, promptEnd))
      promptIds.push(promptIdOf(jsonTextAt(bytes, promptStart, promptEnd)));
    before = { start: promptStart, end: promptEnd };
    ids.push(writtenResponseIdOf(promptIds[promptIds.length - 1], bytes, textStart, textEnd));
    promptOf[k] = promptIds.length - 1;
    promptStarts[k] = promptStart;
    promptEnds[k] = promptEnd;
    textStarts[k] = textStart;
    textEnds[k] = textEnd;
    finished[k] = Number(row.finished);
    modelOf[k] = model;
    lines.plain[k] = 1;
  }
  const columns = { promptOf, promptStarts, promptEnds, textStarts, textEnds, finished, modelOf };
  return { ...lines, ...columns, ids: ids.join(''), promptIds: promptIds.join(''), models: [...models.keys()] };
}

function isSame(bytes: Buffer, before: { start: number; end: number }, start: number, end: number): boolean {
  if (before.end === 0 || end - start !== before.end - before.start) return false;
  for (let k = end - start - 1; k >= 0; k--) if (bytes[start + k] !== bytes[before.start + k]) return false;
  return true;
}
