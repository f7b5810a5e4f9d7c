import type { CompletionRow } from '../protocol/types.ts';
import { contentKey } from '../scores/contentKey.ts';
import { lastAnswer, type ScoredColumn, scoredColumns, scoredTexts } from '../scores/scoredTexts.ts';
import { type Span, scanArray, scanObject } from './scan.ts';

/** A value with a score, or that had one until the row was edited. */
export interface Target {
  readonly column: ScoredColumn;
  /** Of the column's name, quotes included. */
  readonly name: Span;
  /** Of what is scored: the column's value, or the content of the last assistant's turn. */
  readonly value: Span;
  /** contentKey; undefined while the row can't be read. */
  readonly key?: string;
}

export interface RowScan {
  readonly targets: readonly Target[];
  /** Why nothing in the row can be scored. */
  readonly problem?: string;
}

export interface ScanOptions {
  /** 'jsonl': a line of a data set. 'json': an object of any file, so only what is certainly a row counts. */
  readonly kind: 'jsonl' | 'json';
}

/** A longer line is not read along: it would hold up everything else. */
export const longestRow = 1_000_000;

/** Where the scored texts of a row stand. Undefined: it is no row that has scores. */
export function scanRow(text: string, { kind }: ScanOptions): RowScan | undefined {
  if (text.length > longestRow) {
    const size = (text.length / 1e6).toFixed(1);
    return {
      targets: [],
      problem: `This row has ${size} million characters; in the editor at most 1 million are read. Run "Palate: Score File".`,
    };
  }
  const value = parsed(text);
  if (value === undefined) return brokenRow(text);
  if (kind === 'json' && !isCertainlyRow(value)) return undefined;
  const judged = scoredTexts(value);
  if (judged === undefined) return undefined;
  const columns = judged.problem === undefined ? Object.keys(judged.texts) : scoredColumns;
  const texts: Readonly<Partial<Record<string, CompletionRow>>> = judged.texts;
  const targets = placesOf(text, columns as readonly ScoredColumn[]).map((place) => {
    const row = texts[place.column];
    return row === undefined ? place : { ...place, key: contentKey(row) };
  });
  return judged.problem === undefined ? { targets } : { targets, problem: judged.problem };
}

/** What is scored of a row that scanRow has read. */
export function textsOf(text: string): Readonly<Partial<Record<ScoredColumn, CompletionRow>>> {
  const value = parsed(text);
  return (value && scoredTexts(value)?.texts) ?? {};
}

/** A line that is being typed keeps its hints where they were. */
function brokenRow(text: string): RowScan | undefined {
  const targets = placesOf(text, scoredColumns);
  if (targets.length === 0) return undefined;
  return { targets, problem: 'This line is not valid JSON.' };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isCertainlyRow(value: Readonly<Record<string, unknown>>): boolean {
  const has = (name: string) => Object.hasOwn(value, name);
  const answered = has('prompt') && (has('completion') || has('response'));
  return (has('chosen') && has('rejected')) || answered || Array.isArray(value.messages);
}

function placesOf(text: string, wanted: readonly ScoredColumn[]): Target[] {
  const scanned = scanObject(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  if (scanned === undefined) return [];
  const places: Target[] = [];
  for (const column of wanted) {
    const place = scanned.columns.get(column);
    if (place === undefined) continue;
    const value = column === 'messages' ? lastContent(text, place.value) : place.value;
    if (value) places.push({ column, name: place.key, value });
  }
  return places.sort((a, b) => a.value.start - b.value.start);
}

/** The content of the last assistant's turn. */
function lastContent(text: string, messages: Span): Span | undefined {
  const turns = (scanArray(text, messages.start) ?? []).map(({ start }) => scanObject(text, start));
  const roles = turns.map((turn) => {
    const role = turn?.columns.get('role')?.value;
    return { role: role && parsedString(text.slice(role.start, role.end)) };
  });
  return turns[lastAnswer(roles)]?.columns.get('content')?.value;
}

function parsedString(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
