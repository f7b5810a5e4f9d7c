import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { flushFolder } from './atomicFile.ts';

const newline = 0x0a;
/** Git may replace the file between two of our calls; it does not do so all the time. */
const mostAttempts = 8;

/**
 * Appends lines to a file and resolves when they would survive a power cut: one open, one write, flush, close. A line
 * that a crash has cut off before gets an end first. What cannot be flushed is taken back as far as it can be.
 *
 * @param text one or more lines, without the last line's end
 * @param mark text that stands in the line and nowhere else, by which it is found when it has to be taken back. Absent:
 *   what could be written of it may stay.
 */
export async function appendLines(path: string, text: string, mark?: string): Promise<void> {
  const folder = dirname(path);
  if ((await mkdir(folder, { recursive: true })) !== undefined) await flushFolder(dirname(folder));
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (await appendOnce(path, text, mark)) return;
  }
  throw new UserError(`${path} is replaced again and again by another program. Wait until it is done, and try again.`);
}

/** False: the file was replaced meanwhile, and the new one lacks the line. */
async function appendOnce(path: string, text: string, mark: string | undefined): Promise<boolean> {
  const file = await openForAppending(path);
  if (file === undefined) return false;
  let before: Stats;
  try {
    before = await file.stat();
    if (!before.isFile()) throw new UserError(`${path} is not a file.`);
    try {
      await write(file, before.size, text);
      await file.sync();
    } catch (error) {
      if (mark !== undefined) await takeBack(path, before.size, mark).catch(() => undefined);
      throw error;
    }
  } finally {
    await file.close();
  }
  if (before.size === 0) await flushFolder(dirname(path));
  const now = await stat(path).catch(() => undefined);
  return now?.ino === before.ino && now.dev === before.dev;
}

/** Undefined: another process has just made it. */
async function openForAppending(path: string): Promise<FileHandle | undefined> {
  const { O_RDWR, O_APPEND, O_CREAT, O_EXCL } = constants;
  try {
    return await open(path, O_RDWR | O_APPEND);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    return await open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

async function write(file: FileHandle, size: number, text: string): Promise<void> {
  const last = Buffer.alloc(1);
  if (size > 0) await file.read(last, 0, 1, size - 1);
  const startsLine = size === 0 || last[0] === newline;
  const bytes = Buffer.from(`${startsLine ? '' : '\n'}${text}\n`, 'utf8');
  // In one call: what other processes append at the same time comes before or after it, never into it.
  const { bytesWritten } = await file.write(bytes, 0, bytes.length);
  if (bytesWritten < bytes.length) {
    throw Object.assign(new Error(`${bytesWritten} of ${bytes.length} bytes were written`), { code: 'ENOSPC' });
  }
}

/**
 * Overwrites with spaces what was written but could not be flushed, so that no later reading takes it for a label.
 * Never shortens the file: another process may have appended to it.
 */
async function takeBack(path: string, from: number, mark: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.max(0, size - from));
    await file.read(bytes, 0, bytes.length, from);
    for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) {
      const start = bytes.lastIndexOf(newline, at) + 1;
      const next = bytes.indexOf(newline, at);
      const end = next === -1 ? bytes.length : next;
      await file.write(Buffer.alloc(end - start, ' '), 0, end - start, from + start);
    }
  } finally {
    await file.close();
  }
}
