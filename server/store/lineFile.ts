import { createHash, type Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsent } from './fileErrors.ts';

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

export interface LineReader {
  /** What was read of this file before does not count any more. */
  reset(): void;
  /** May keep the bytes only as a copy. A line longer than 8 MB comes as its beginning, `tooLong`. */
  line(line: FileLine, tooLong: boolean): void;
  /** The last line, which has no end yet. True: it is whole all the same. False: it will come again. */
  unfinished(line: FileLine): boolean;
}

export type Refreshed = 'same' | 'grown' | 'reset' | 'absent';

/** Read and taken at one go: 600 decisions, a few milliseconds. */
const chunkBytes = 2 ** 18;
const longestLine = 8 * 2 ** 20;
const newline = 0x0a;

/**
 * Reads a file of lines, and later only what was appended. A file that is shorter, is another one, or does not begin
 * with what was read before (git checked something else out, somebody edited it) is read again from its start.
 */
export class LineFile {
  readonly path: string;
  readonly #reader: LineReader;
  #identity = '';
  /** Bytes and lines that the reader got. */
  #known = 0;
  #lines = 0;
  /** The last of them was taken without its end. */
  #open = false;
  /** Of the known bytes. */
  #hash: Hash = createHash('sha256');

  constructor(path: string, reader: LineReader) {
    this.path = path;
    this.#reader = reader;
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
      const kept = options.own === true ? now.size >= this.#known : await this.#beginsAsBefore(file, now);
      if (!kept) this.#reset();
      await this.#read(file, now.size);
      this.#identity = identityOf(now);
      return kept ? 'grown' : 'reset';
    } finally {
      await file.close();
    }
  }

  /** Whether the file is as it was when it was last read. */
  isAt(stats: Stats): boolean {
    return identityOf(stats) === this.#identity;
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
    this.#hash = createHash('sha256');
    this.#reader.reset();
  }

  async #beginsAsBefore(file: FileHandle, { size }: Stats): Promise<boolean> {
    if (this.#known === 0) return true;
    if (size < this.#known) return false;
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(chunkBytes);
    if (this.#open && size > this.#known) {
      const { bytesRead } = await file.read(chunk, 0, 1, this.#known);
      if (bytesRead === 0 || (chunk[0] !== newline && chunk[0] !== 0x0d)) return false;
    }
    for (let at = 0; at < this.#known; ) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, this.#known - at), at);
      if (bytesRead === 0) return false;
      hash.update(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash.digest('hex') === this.#hash.copy().digest('hex');
  }

  async #read(file: FileHandle, size: number): Promise<void> {
    // One buffer for all of it: what is left of a line moves to its front.
    let buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - this.#known + 1));
    let held = 0;
    let skipping = false;
    for (let at = this.#known; at < size; ) {
      if (held === buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length);
      const { bytesRead } = await file.read(buffer, held, Math.min(buffer.length - held, size - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
      held += bytesRead;
      let start = 0;
      for (let end = buffer.indexOf(newline); end !== -1 && end < held; end = buffer.indexOf(newline, start)) {
        this.#take(buffer, start, end, skipping);
        skipping = false;
        start = end + 1;
      }
      this.#hash.update(buffer.subarray(0, start));
      buffer.copyWithin(0, start, held);
      held -= start;
      if (held > longestLine) {
        // Its beginning is told once; the rest of it is only counted.
        if (!skipping) this.#reader.line(new FileLine(this.#lines + 1, this.#known, buffer, 0, 200), true);
        skipping = true;
        this.#hash.update(buffer.subarray(0, held));
        this.#known += held;
        held = 0;
      }
    }
    if (held === 0 || skipping) return;
    if (!this.#reader.unfinished(new FileLine(this.#lines + 1, this.#known, buffer, 0, held))) return;
    this.#hash.update(buffer.subarray(0, held));
    this.#known += held;
    this.#open = true;
  }

  /** A line whose end is the byte at `end`. */
  #take(chunk: Buffer, start: number, end: number, skipped: boolean): void {
    this.#lines++;
    const offset = this.#known;
    this.#known += end + 1 - start;
    const open = this.#open;
    this.#open = false;
    // The end of a line that was taken before.
    if (skipped || open) return;
    const last = end > start && chunk[end - 1] === 0x0d ? end - 1 : end;
    const tooLong = last - start > longestLine;
    this.#reader.line(new FileLine(this.#lines, offset, chunk, start, tooLong ? start + 200 : last), tooLong);
  }
}

function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}
