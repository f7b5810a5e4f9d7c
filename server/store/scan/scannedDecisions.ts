import { placeIn, type ScannedLines, scanLines } from './scannedLines.ts';
import { readWrittenLine, type WrittenDecision } from './writtenLine.ts';

/** Lines of feedback/*.jsonl. Of those that are plain decisions, what WrittenDecision says, a column each. */
export interface ScannedDecisions extends ScannedLines {
  /** Four words each. */
  readonly ids: Uint32Array;
  readonly firsts: Uint32Array;
  readonly seconds: Uint32Array;
  readonly at: Float64Array;
  /** Place in `names`. */
  readonly annotators: Uint8Array;
  readonly names: readonly string[];
  readonly swapped: Uint8Array;
  readonly repeats: Uint8Array;
  readonly choices: Uint8Array;
  readonly strengths: Uint8Array;
  readonly scales: Uint8Array;
  readonly ms: Uint32Array;
}

export function scanDecisions(bytes: Buffer): ScannedDecisions {
  const lines = scanLines(bytes);
  const count = lines.starts.length;
  const names = new Map<string, number>();
  const columns = {
    ids: new Uint32Array(4 * count),
    firsts: new Uint32Array(4 * count),
    seconds: new Uint32Array(4 * count),
    at: new Float64Array(count),
    annotators: new Uint8Array(count),
    swapped: new Uint8Array(count),
    repeats: new Uint8Array(count),
    choices: new Uint8Array(count),
    strengths: new Uint8Array(count),
    scales: new Uint8Array(count),
    ms: new Uint32Array(count),
  };
  for (let k = 0; k < count; k++) {
    const line = readWrittenLine(bytes, lines.starts[k], lines.ends[k]);
    const name = line === undefined ? -1 : placeIn(names, line.annotator);
    if (line === undefined || name === -1) continue;
    takeLine(columns, k, line);
    columns.annotators[k] = name;
    lines.plain[k] = 1;
  }
  return { ...lines, ...columns, names: [...names.keys()] };
}

type Columns = Omit<ScannedDecisions, keyof ScannedLines | 'names'>;

function takeLine(columns: Columns, k: number, line: WrittenDecision): void {
  for (let word = 0; word < 4; word++) {
    columns.ids[4 * k + word] = line.id[word];
    columns.firsts[4 * k + word] = line.first[word];
    columns.seconds[4 * k + word] = line.second[word];
  }
  columns.at[k] = line.at;
  columns.swapped[k] = Number(line.swapped);
  columns.repeats[k] = Number(line.repeat);
  columns.choices[k] = line.choice;
  columns.strengths[k] = line.strength;
  columns.scales[k] = line.scale;
  columns.ms[k] = line.ms;
}
