import type { CompletionRow } from '../protocol/types.ts';
import { scanRow, textsOf } from './rowScan.ts';

/** A selection in one line of a data set: offsets in UTF-16 units, the end exclusive. */
export interface LineSelection {
  readonly line: string;
  readonly start: number;
  readonly end: number;
}

/**
 * What a selection in a row asks to be scored: the response that it covers, or the part of a response that is selected,
 * each as an answer to the row's own prompt. Undefined: the selection lies in no response, or holds more than one.
 */
export function selectedRow({ line, start, end }: LineSelection): CompletionRow | undefined {
  const targets = scanRow(line, { kind: 'jsonl' })?.targets ?? [];
  const texts = textsOf(line);
  const covered = targets.filter(({ value }) => start <= value.start + 1 && value.end - 1 <= end);
  if (covered.length > 0) return covered.length === 1 ? texts[covered[0].column] : undefined;
  const around = targets.find(({ value }) => value.start <= start && end <= value.end);
  const row = around && texts[around.column];
  if (row === undefined) return undefined;
  return { prompt: row.prompt, completion: unescaped(line.slice(start, end)), finished: false };
}

/** A part of a JSON string as the text that it stands for; as it is, where it begins or ends inside an escape. */
function unescaped(part: string): string {
  try {
    return JSON.parse(`"${part.replace(/^"|(?<!\\)"$/g, '')}"`) as string;
  } catch {
    return part;
  }
}
