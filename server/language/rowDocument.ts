import type { Position, Range, TextDocumentContentChangeEvent } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { ScoredColumn } from '../scores/scoredTexts.ts';
import { type RowScan, type ScanOptions, scanRow } from './rowScan.ts';
import { type Span, scanArray, scanObject } from './scan.ts';

/** One row: its text, what was found in it, and what was last shown beside it. */
export class Row {
  readonly text: string;
  readonly #kind: ScanOptions['kind'];
  /** Labels by column: they stay until the new ones are known. */
  #shown: Readonly<Partial<Record<ScoredColumn, string>>> | undefined;
  #scan: { readonly found: RowScan | undefined } | undefined;
  #pair: string | undefined;

  constructor(text: string, kind: ScanOptions['kind'], before?: Row) {
    this.text = text;
    this.#kind = kind;
    if (before) this.#shown = before.#shown;
  }

  /** Undefined: it has nothing to score. Found once. */
  get scan(): RowScan | undefined {
    this.#scan ??= { found: scanRow(this.text, { kind: this.#kind }) };
    return this.#scan.found;
  }

  get scanned(): boolean {
    return this.#scan !== undefined;
  }

  /**
   * contentKeys of the two responses; undefined: no pair, or a broken one. Asked of every row of a file, so that what is
   * kept of it is little.
   */
  get pair(): PairKeys | undefined {
    this.#pair ??= pairIn(this.#scan ? this.#scan.found : scanRow(this.text, { kind: this.#kind }));
    if (this.#pair === '') return undefined;
    const [chosen, rejected] = this.#pair.split(' ');
    return { chosen, rejected };
  }

  shown(column: ScoredColumn): string | undefined {
    return this.#shown?.[column];
  }

  show(column: ScoredColumn, label: string): void {
    if (this.shown(column) !== label) this.#shown = { ...this.#shown, [column]: label };
  }
}

export interface PairKeys {
  readonly chosen: string;
  readonly rejected: string;
}

function pairIn(scan: RowScan | undefined): string {
  const keyOf = (wanted: ScoredColumn) => scan?.targets.find(({ column }) => column === wanted)?.key;
  const [chosen, rejected] = [keyOf('chosen'), keyOf('rejected')];
  return chosen && rejected ? `${chosen} ${rejected}` : '';
}

/** A row and where it stands now. */
export interface PlacedRow {
  readonly row: Row;
  /** Of its beginning. */
  readonly line: number;
  range(span: Span): Range;
}

/** An open file whose rows may have scores. */
export interface RowDocument {
  readonly uri: string;
  readonly version: number;
  /** UTF-16 units. */
  readonly length: number;
  /** Rows that touch the lines from `first` to `last`, both included, top to bottom. */
  rows(first?: number, last?: number): Iterable<PlacedRow>;
  /** The text has changed as the editor says. */
  change(changes: readonly TextDocumentContentChangeEvent[], version: number): void;
}

export function openRowDocument(uri: string, languageId: string, version: number, text: string): RowDocument {
  return isJsonFile(uri, languageId) ? new JsonDocument(uri, version, text) : new LinesDocument(uri, version, text);
}

/** By its name, which says more than the language: editors without JSONL open it as JSON. */
export function isJsonFile(uri: string, languageId: string): boolean {
  if (/\.(jsonl|ndjson)$/i.test(uri)) return false;
  return /\.json$/i.test(uri) || languageId === 'json';
}

/** As the protocol defines the end of a line. */
const lineEnd = /\r\n|\n|\r/;

/** JSONL: a row a line. An edit makes new rows of the lines that it touches, and of no others. */
class LinesDocument implements RowDocument {
  readonly uri: string;
  version: number;
  length: number;
  #lines: Row[];

  constructor(uri: string, version: number, text: string) {
    this.uri = uri;
    this.version = version;
    this.length = text.length;
    this.#lines = rowsOf(text);
  }

  *rows(first = 0, last = Number.POSITIVE_INFINITY): Generator<PlacedRow> {
    const lines = this.#lines;
    for (let line = Math.max(first, 0); line < lines.length && line <= last; line++) {
      const range = ({ start, end }: Span) => ({ start: { line, character: start }, end: { line, character: end } });
      yield { row: lines[line], line, range };
    }
  }

  change(changes: readonly TextDocumentContentChangeEvent[], version: number): void {
    for (const change of changes) {
      if ('range' in change) this.#edit(change.range, change.text);
      else this.#replace(0, this.#lines.length - 1, change.text);
    }
    this.version = version;
  }

  #edit({ start, end }: Range, text: string): void {
    const [from, to] = [this.#clamp(start), this.#clamp(end)];
    const before = this.#lines[from.line].text.slice(0, from.character);
    const after = this.#lines[to.line].text.slice(to.character);
    this.#replace(from.line, to.line, before + text + after);
  }

  #clamp({ line, character }: Position): Position {
    const last = this.#lines.length - 1;
    if (line > last) return { line: last, character: this.#lines[last].text.length };
    return { line, character: Math.min(character, this.#lines[line].text.length) };
  }

  #replace(first: number, last: number, text: string): void {
    const before = this.#lines.slice(first, last + 1);
    const after = rowsOf(text, before);
    const lengthOf = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + row.text.length + 1, 0);
    this.length += lengthOf(after) - lengthOf(before);
    // Not splice(…, ...after): a call has at most some 100,000 arguments.
    if (after.length === 1 && before.length === 1) this.#lines[first] = after[0];
    else this.#lines = [...this.#lines.slice(0, first), ...after, ...this.#lines.slice(last + 1)];
  }
}

/** A row that is as it was is kept with what is known of it; the others take over what was shown in their place. */
function rowsOf(text: string, before: readonly Row[] = []): Row[] {
  const same = new Map(before.map((row) => [row.text, row]));
  const lines = text.split(lineEnd);
  // By position only where none has come or gone: else a row would show its neighbour's score.
  const old = lines.length === before.length ? before : [];
  return lines.map((line, k) => same.get(line) ?? new Row(line, 'jsonl', old[k]));
}

/** JSON: the object that the file is, or the objects of its list. Read as a whole after each edit. */
class JsonDocument implements RowDocument {
  readonly uri: string;
  #document: TextDocument;
  #read: readonly JsonRow[] | undefined;
  /** What is to be taken over by position. */
  #before: readonly Row[] = [];

  constructor(uri: string, version: number, text: string) {
    this.uri = uri;
    this.#document = TextDocument.create(uri, 'json', version, text);
  }

  get version(): number {
    return this.#document.version;
  }

  get length(): number {
    return this.#document.getText().length;
  }

  *rows(first = 0, last = Number.POSITIVE_INFINITY): Generator<PlacedRow> {
    this.#read ??= readJson(this.#document.getText(), this.#before);
    const position = (offset: number) => this.#document.positionAt(offset);
    for (const { row, start } of this.#read) {
      const { line } = position(start);
      if (line > last) return;
      if (position(start + row.text.length).line < first) continue;
      yield { row, line, range: (span) => ({ start: position(start + span.start), end: position(start + span.end) }) };
    }
  }

  change(changes: readonly TextDocumentContentChangeEvent[], version: number): void {
    if (this.#read) this.#before = this.#read.map(({ row }) => row);
    this.#read = undefined;
    this.#document = TextDocument.update(this.#document, [...changes], version);
  }
}

interface JsonRow {
  readonly row: Row;
  /** Offset in the file. */
  readonly start: number;
}

function readJson(text: string, before: readonly Row[]): JsonRow[] {
  const object = scanObject(text);
  const spans = object ? [{ start: text.indexOf('{'), end: object.end }] : (scanArray(text) ?? []);
  return spans.map(({ start, end }, k) => {
    const part = text.slice(start, end);
    // As in rowsOf.
    const old = before.length === spans.length ? before[k] : undefined;
    return { row: old?.text === part ? old : new Row(part, 'json', old), start };
  });
}
