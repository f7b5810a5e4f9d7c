import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';

/** A file opened for positioned reads; every read is checked against the size the file had when it was opened. */
export interface OpenFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Fills `target` from `offset`; throws a UserError where the file ends before that. */
  read(target: Uint8Array, offset: number): void;
  close(): void;
}

/** Opens `path` for reading. Throws a UserError where it is missing, not a file, or not readable. */
export function openFile(path: string): OpenFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw cannotRead(path, error);
  }
  const status = fstatSync(descriptor);
  if (!status.isFile()) {
    closeSync(descriptor);
    throw new UserError(`${path} is not a file.`);
  }
  const size = status.size;
  return {
    path,
    size,
    read(target, offset) {
      let done = 0;
      while (done < target.length) {
        const count = readSync(descriptor, target, done, Math.min(target.length - done, 1 << 30), offset + done);
        if (count === 0)
          throw new UserError(
            `${path} ended at byte ${offset + done}: the file is cut short, or was changed while it was read.`,
          );
        done += count;
      }
    },
    close: () => closeSync(descriptor),
  };
}

/** Runs `work` on the opened file and closes it whatever happens. */
export function withFile<Result>(path: string, work: (file: OpenFile) => Result): Result {
  const file = openFile(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}

/** The text of a small file. Throws a UserError where it is missing, larger than `maximumBytes`, or not UTF-8. */
export function readText(path: string, maximumBytes: number): string {
  let bytes: Buffer;
  try {
    const size = statSync(path).size;
    if (size > maximumBytes) {
      throw new UserError(
        `${path} has ${count(size)} bytes; at most ${count(maximumBytes)} are expected of this file. Is it the right one?`,
      );
    }
    bytes = readFileSync(path);
  } catch (error) {
    throw error instanceof UserError ? error : cannotRead(path, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError(`${path} is not UTF-8 text.`, { cause: error });
  }
}

/** The JSON value of a small file; errors as in `readText`, and one that gives the parser's position. */
export function readJson(path: string, maximumBytes: number): unknown {
  const text = readText(path, maximumBytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not valid JSON: ${escaped((error as Error).message)}.`, { cause: error });
  }
}

/** What is to be written: pieces in their order. */
export type Chunks = Iterable<Uint8Array | string>;

/** Writes a file so that a reader finds the old content or all of the new: beside it, flushed, renamed. */
export function writeFileAtomically(path: string, chunks: Chunks): void {
  exhaust(writingFile(path, chunks));
}

/**
 * Writes a folder of files so that a reader finds the old folder or all of the new one. An existing folder that holds
 * anything beside `files` keeps it: there each file is replaced on its own.
 */
export function writeFolderAtomically(folder: string, files: ReadonlyMap<string, Chunks>): void {
  exhaust(writingFolder(folder, files));
}

/** Bytes just written. Closed before its end, it leaves everything as it was. */
export type Writing = Generator<number, void, void>;

/** `writeFileAtomically` chunk by chunk, for large files: something else may be done at each step. */
export function* writingFile(path: string, chunks: Chunks): Writing {
  const folder = dirname(resolve(path));
  const beside = temporaryName(path);
  let renamed = false;
  try {
    yield* writeAndFlush(beside, chunks);
    renameSync(beside, path);
    renamed = true;
  } finally {
    if (!renamed) rmSync(beside, { force: true });
  }
  flushFolder(folder);
}

/** `writeFolderAtomically` chunk by chunk. */
export function* writingFolder(folder: string, files: ReadonlyMap<string, Chunks>): Writing {
  const target = resolve(folder);
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  restoreInterruptedFolder(target);
  if (entries(target).some((name) => !files.has(name))) {
    for (const [name, chunks] of files) yield* writingFile(join(target, name), chunks);
    return;
  }
  const beside = temporaryName(target);
  let swapped = false;
  try {
    mkdirSync(beside);
    for (const [name, chunks] of files) yield* writeAndFlush(join(beside, name), chunks);
    flushFolder(beside);
    swapFolder(beside, target);
    swapped = true;
  } finally {
    if (!swapped) rmSync(beside, { recursive: true, force: true });
  }
  flushFolder(parent);
}

function exhaust(writing: Writing): void {
  while (!writing.next().done);
}

function temporaryName(path: string): string {
  const target = resolve(path);
  return join(dirname(target), `.${basename(target)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
}

/** Puts back what `writeFolderAtomically` had set aside when it was killed between its two renames. */
export function restoreInterruptedFolder(folder: string): void {
  const target = resolve(folder);
  if (entries(target).length > 0 || entries(previousOf(target)).length === 0) return;
  rmSync(target, { recursive: true, force: true });
  renameSync(previousOf(target), target);
}

function swapFolder(beside: string, target: string): void {
  const previous = previousOf(target);
  rmSync(previous, { recursive: true, force: true });
  try {
    renameSync(target, previous);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  renameSync(beside, target);
  rmSync(previous, { recursive: true, force: true });
}

function previousOf(target: string): string {
  return join(dirname(target), `.${basename(target)}.previous`);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function* writeAndFlush(path: string, chunks: Chunks): Writing {
  const descriptor = openSync(path, 'wx');
  try {
    for (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, 1 << 30));
      }
      yield bytes.length;
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A rename is durable only once its folder is flushed; Windows cannot open folders and does not need it. */
function flushFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** 1234567 → "1,234,567": large numbers in messages are read by people. */
export function count(value: number | bigint): string {
  return value.toLocaleString('en-GB');
}

/** Text from a file, quoted for a message: shortened and escaped, so that a hostile name cannot flood or steer a terminal. */
export function quoted(text: string): string {
  return escaped(JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text));
}

/** A value from a JSON or GGUF file, for a message: as JSON, shortened and escaped. Takes any value, hostile ones too. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch {
    return 'nested too deeply'; // deeper than JSON.stringify's stack
  }
  if (json === undefined) return 'missing';
  return escaped(json.length > 120 ? `${json.slice(0, 120)}…` : json);
}

/** Text with control characters, line breaks and invisible marks written as escapes. */
export function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/** "a, b, c and 5 more": the first `limit` of a list, for a message. */
export function listed(names: readonly string[], limit = 5): string {
  const shown = names.slice(0, limit).map((name) => escaped(name.length > 160 ? `${name.slice(0, 160)}…` : name));
  return names.length <= limit ? shown.join(', ') : `${shown.join(', ')} and ${count(names.length - limit)} more`;
}

function cannotRead(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  const why =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'there is no such file'
      : code === 'EACCES' || code === 'EPERM'
        ? 'this user may not read it'
        : code === 'EISDIR'
          ? 'it is a folder'
          : (error as Error).message;
  return new UserError(`Cannot read ${path}: ${why}.`, { cause: error });
}
