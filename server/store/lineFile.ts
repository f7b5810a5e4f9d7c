import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsent } from './fileErrors.ts';
import type { KnownPiece, ScanCache, ScannedPiece } from './kept/scanCache.ts';
import { bytesAt, type Piece, standingPieces } from './pieces.ts';
import { type ScanKind, type Scans, scan } from './scan/scan.ts';

import { digestOf } from './scan/scannedLines.ts';

/** One line of a file, without its end: the bytes of `chunk` from `start` to `end`. */
export class FileLine {
  /** From 1. */
  readonly line: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly chunk: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(line: number, offset: number, chunk: Buffer, start: number, end: number) {
    this.line = line;
    this.offset = offset;
    this.chunk = chunk;
    this.start = start;
    this.end = end;
  }

  /** A Buffer costs as much as reading a short line: it is made where it is asked for. */
  get bytes(): Buffer {
    return this.chunk.subarray(this.start, this.end);
  }

  get length(): number {
    return this.end - this.start;
  }
}

export interface LineReader<Kind extends ScanKind> {
  /** What was read of this file before does not count any more. */
  reset(): void;
  /**
   * Takes row `k` of a scan, a line that the scan has read. `offset`: of its first byte in the file. `chunk`: the bytes
   * that were scanned, which only a reader that `keeps` them may keep. False: it comes as a line.
   */
  scanned?(scanned: Scans[Kind], k: number, offset: number, chunk: Buffer): boolean;
  /** May keep the bytes only as a copy. A line longer than 8 MB comes as its beginning, `tooLong`. */
  line(line: FileLine, tooLong: boolean): void;
  /** The last line, which has no end yet. True: it is whole all the same. False: it will come again. */
  unfinished(line: FileLine): boolean;
}

export interface LineOptions<Kind extends ScanKind> {
  /** What the lines are. */
  readonly kind: Kind;
  /** Scans of large files from before; absent: all is scanned. */
  readonly cache?: ScanCache;
  /** The reader keeps the bytes it gets. */
  readonly keeps?: boolean;
  /** What the reader has from before. The next refresh looks at every byte of it. */
  readonly before?: KeptLines;
}

/** How far a file was read. */
export interface KeptLines {
  readonly known: number;
  readonly lines: number;
  readonly open: boolean;
  readonly skipping: boolean;
  readonly pieces: readonly Piece[];
}

export type Refreshed = 'same' | 'grown' | 'reset' | 'absent';

/** A file that is being read. */
interface Source<Kind extends ScanKind> {
  readonly file: FileHandle;
  readonly size: number;
  /** Scans from before, by where their bytes begin. */
  readonly known: ReadonlyMap<number, KnownPiece<Kind>>;
  /** Buffers that nobody needs any more. */
  readonly spare: Buffer[];
}

/** Some bytes of a file: lines with their ends, a piece of a line that is too long, or a last line without its end. */
interface Chunk<Kind extends ScanKind> {
  readonly bytes: Buffer;
  /** Of lines. */
  readonly scanned?: Scans[Kind];
  /** The scan is from before. */
  readonly isKnown?: boolean;
  readonly last: boolean;
}

/** Read, scanned and taken at one go: 600 decisions or prompts, a few milliseconds. */
const chunkBytes: Readonly<Record<ScanKind, number>> = { decisions: 2 ** 18, responses: 2 ** 18, lines: 2 ** 16 };
/** Scans of files with less are not kept: it is no work. */
const muchBytes = 2 ** 20;
const longestLine = 8 * 2 ** 20;
const [newline, carriageReturn] = [0x0a, 0x0d];

/**
 * Reads a file of lines, and later only what was appended. A file that is shorter, is another one, or does not begin
 * with what was read before (git checked something else out, somebody edited it) is read again from its start.
 */
export class LineFile<Kind extends ScanKind> {
  readonly path: string;
  readonly #reader: LineReader<Kind>;
  readonly #options: LineOptions<Kind>;
  #identity = '';
  /** Bytes and lines that the reader got. */
  #known: number;
  #lines: number;
  /** The last of them was taken without its end. */
  #open: boolean;
  /** It is too long, and its end is not there yet: what follows is only counted. */
  #skipping: boolean;
  /** The known bytes, piece by piece as they were read. */
  #pieces: Piece[];

  constructor(path: string, reader: LineReader<Kind>, options: LineOptions<Kind>) {
    this.path = path;
    this.#reader = reader;
    this.#options = options;
    this.#known = options.before?.known ?? 0;
    this.#lines = options.before?.lines ?? 0;
    this.#open = options.before?.open ?? false;
    this.#skipping = options.before?.skipping ?? false;
    this.#pieces = [...(options.before?.pieces ?? [])];
  }

  /** Bytes that the reader has. */
  get known(): number {
    return this.#known;
  }

  /** How far it was read: what a reader has to know to go on from there. */
  get kept(): KeptLines {
    const [known, lines, open, skipping] = [this.#known, this.#lines, this.#open, this.#skipping];
    return { known, lines, open, skipping, pieces: [...this.#pieces] };
  }

  /** Reads what is new. `own`: what changed since the last time was appended by this process. */
  async refresh(stats: Stats | undefined, options: { readonly own?: boolean } = {}): Promise<Refreshed> {
    if (stats === undefined) return this.#absent();
    if (identityOf(stats) === this.#identity) return 'same';
    let file: FileHandle;
    try {
      file = await open(this.path, 'r');
    } catch (error) {
      if (isAbsent(error)) return this.#absent();
      throw error;
    }
    try {
      const now = await file.stat();
      // What this process appended to the file that it knew leaves the beginning as it was.
      const isOwn = options.own === true && now.size >= this.#known && isSameFile(now, this.#identity);
      const kept = isOwn || (await this.#beginsAsBefore(file, now));
      if (!kept) this.#reset();
      await this.#read(file, now.size);
      this.#identity = identityOf(now);
      return kept ? 'grown' : 'reset';
    } finally {
      await file.close();
    }
  }

  get #chunkBytes(): number {
    return chunkBytes[this.#options.kind];
  }

  #absent(): Refreshed {
    if (this.#identity === '') return 'same';
    this.#reset();
    this.#identity = '';
    return 'absent';
  }

  #reset(): void {
    this.#known = 0;
    this.#lines = 0;
    this.#open = false;
    this.#skipping = false;
    this.#pieces = [];
    this.#reader.reset();
  }

  async #beginsAsBefore(file: FileHandle, { size }: Stats): Promise<boolean> {
    if (this.#known === 0) return true;
    if (size < this.#known) return false;
    if (this.#open && size > this.#known) {
      const [byte] = await bytesAt(file, this.#known, Buffer.alloc(1));
      if (byte !== newline && byte !== carriageReturn) return false;
    }
    const pieces = await standingPieces(file, this.#pieces, this.#chunkBytes);
    if (pieces === undefined) return false;
    this.#pieces = pieces;
    return true;
  }

  async #read(file: FileHandle, size: number): Promise<void> {
    const cache = this.#known === 0 && size >= muchBytes ? this.#options.cache : undefined;
    const source: Source<Kind> = { file, size, known: await this.#knownScans(cache, size), spare: [] };
    const pieces: ScannedPiece<Kind>[] = [];
    let [at, anew] = [this.#known, 0];
    for (let next: Promise<Chunk<Kind>> | undefined = this.#chunk(source, at); next !== undefined; ) {
      const { bytes, scanned, isKnown, last }: Chunk<Kind> = await next;
      const start = at;
      at += bytes.length;
      // While this one is taken, the next one is read.
      next = last ? undefined : this.#chunk(source, at);
      next?.catch(() => undefined);
      if (scanned !== undefined) {
        this.#takeLines(scanned, bytes);
        if (cache !== undefined) pieces.push({ start, length: bytes.length, scanned });
        if (isKnown !== true) anew += bytes.length;
      } else if (this.#skipping || bytes.length > longestLine) {
        this.#skip(bytes);
      } else if (bytes.length > 0) {
        this.#takeUnfinished(bytes);
      }
      if (this.#options.keeps !== true) source.spare.push(bytes);
    }
    if (anew >= muchBytes) cache?.save(this.path, this.#options.kind, pieces);
  }

  async #knownScans(cache: ScanCache | undefined, size: number): Promise<Map<number, KnownPiece<Kind>>> {
    const pieces = (await cache?.load(this.path, this.#options.kind, size)) ?? [];
    return new Map(pieces.map((piece) => [piece.start, piece]));
  }

  /** The bytes from `at` to the end of the last line that is there; a longer piece where there is none. */
  async #chunk(source: Source<Kind>, at: number): Promise<Chunk<Kind>> {
    const { file, size } = source;
    const before = source.known.get(at);
    for (
      let wanted = Math.min(before?.length ?? this.#chunkBytes, 2 * longestLine);
      ;
      wanted = Math.max(this.#chunkBytes, 2 * wanted)
    ) {
      const length = Math.min(wanted, size - at);
      const bytes = await bytesAt(file, at, this.#buffer(source, at, length));
      const lines = bytes.subarray(0, bytes.lastIndexOf(newline) + 1);
      if (lines.length > 0) {
        const kept = lines.length === before?.length ? await before.read() : undefined;
        const known = kept !== undefined && kept.digest === digestOf(lines) ? kept : undefined;
        const scanned = known ?? scan(this.#options.kind, lines);
        return { bytes: lines, scanned, isKnown: known !== undefined, last: at + lines.length >= size };
      }
      const last = bytes.length < length || at + length >= size;
      if (last || length > longestLine) return { bytes, last };
    }
  }

  /** One that is free, or another. */
  #buffer({ size, spare }: Source<Kind>, at: number, length: number): Buffer {
    if (this.#options.keeps === true) return Buffer.allocUnsafeSlow(length);
    const fitting = spare.findIndex(({ buffer }) => buffer.byteLength >= length);
    const memory =
      fitting === -1
        ? new ArrayBuffer(Math.max(length, Math.min(this.#chunkBytes, size - at)))
        : spare.splice(fitting, 1)[0].buffer;
    return Buffer.from(memory, 0, length);
  }

  #takeLines(scanned: Scans[Kind], chunk: Buffer): void {
    const { starts, ends, plain, digest } = scanned;
    const reader = this.#reader;
    const begins = this.#known;
    // The end of a line that was taken before.
    const isRest = this.#skipping || this.#open;
    this.#open = false;
    this.#skipping = false;
    for (let k = 0; k < starts.length; k++) {
      this.#lines++;
      if (k === 0 && isRest) continue;
      const [start, end] = [starts[k], ends[k]];
      const tooLong = end - start > longestLine;
      if (plain[k] === 1 && !tooLong && reader.scanned?.(scanned, k, begins + start, chunk) === true) continue;
      reader.line(new FileLine(this.#lines, begins + start, chunk, start, tooLong ? start + 200 : end), tooLong);
    }
    this.#know(chunk.length, digest);
  }

  /** A line that is too long: its beginning is told once; the rest of it is only counted. */
  #skip(bytes: Buffer): void {
    if (!this.#skipping) this.#reader.line(new FileLine(this.#lines + 1, this.#known, bytes, 0, 200), true);
    this.#skipping = true;
    if (bytes.length > 0) this.#know(bytes.length, digestOf(bytes));
  }

  #takeUnfinished(bytes: Buffer): void {
    if (!this.#reader.unfinished(new FileLine(this.#lines + 1, this.#known, bytes, 0, bytes.length))) return;
    this.#know(bytes.length, digestOf(bytes));
    this.#open = true;
  }

  #know(length: number, digest: string): void {
    this.#known += length;
    this.#pieces.push({ length, digest });
  }
}

/** Whether it is the file of this identity, however it has grown. */
function isSameFile({ dev, ino }: Stats, identity: string): boolean {
  return identity.startsWith(`${dev}:${ino}:`);
}

function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}
