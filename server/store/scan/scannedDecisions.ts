import { choices } from '../eventColumns.ts';
import { arePlaces, linesAreSound, type ScannedLines, scanLines } from './scannedLines.ts';
import { readWrittenLine } from './writtenLine.ts';

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
  const names: string[] = [];
  const scanned: ScannedDecisions = {
    ...lines,
    ids: new Uint32Array(4 * count),
    firsts: new Uint32Array(4 * count),
    seconds: new Uint32Array(4 * count),
    at: new Float64Array(count),
    annotators: new Uint8Array(count),
    names,
    swapped: new Uint8Array(count),
    repeats: new Uint8Array(count),
    choices: new Uint8Array(count),
    strengths: new Uint8Array(count),
    scales: new Uint8Array(count),
    ms: new Uint32Array(count),
  };
  for (let k = 0; k < count; k++) takeLine(scanned, names, bytes, k);
  return scanned;
}

/** Whether this can be the scan of so many bytes. */
export function decisionsAreSound(scanned: ScannedDecisions, length: number): boolean {
  const count = scanned.starts.length;
  const {
    ids,
    firsts,
    seconds,
    annotators,
    names,
    choices: chosen,
    at,
    swapped,
    repeats,
    strengths,
    scales,
    ms,
  } = scanned;
  return (
    linesAreSound(scanned, length) &&
    [ids, firsts, seconds].every((words) => words.length === 4 * count) &&
    [at, annotators, swapped, repeats, chosen, strengths, scales, ms].every((column) => column.length === count) &&
    names.every((name) => typeof name === 'string') &&
    arePlaces(annotators, Math.max(1, names.length)) &&
    arePlaces(chosen, Object.keys(choices).length)
  );
}

function takeLine(scanned: ScannedDecisions, names: string[], bytes: Buffer, k: number): void {
  const line = readWrittenLine(bytes, scanned.starts[k], scanned.ends[k]);
  if (line === undefined) return;
  let name = names.indexOf(line.annotator);
  if (name === -1) name = names.push(line.annotator) - 1;
  if (name > 255) return;
  for (let word = 0; word < 4; word++) {
    scanned.ids[4 * k + word] = line.id[word];
    scanned.firsts[4 * k + word] = line.first[word];
    scanned.seconds[4 * k + word] = line.second[word];
  }
  scanned.at[k] = line.at;
  scanned.annotators[k] = name;
  scanned.swapped[k] = Number(line.swapped);
  scanned.repeats[k] = Number(line.repeat);
  scanned.choices[k] = line.choice;
  scanned.strengths[k] = line.strength;
  scanned.scales[k] = line.scale;
  scanned.ms[k] = line.ms;
  scanned.plain[k] = 1;
}
