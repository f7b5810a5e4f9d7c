import { open } from 'node:fs/promises';

/** About as much as can be parsed and sent without anybody noticing. */
const pageBytes = 1 << 20;
const newline = 0x0a;

export interface Page {
  /** The parsed lines; what is not JSON is left out. */
  readonly rows: readonly unknown[];
  /** Where the next page begins, in bytes. 0 where `from` is no longer the beginning of a line of this file. */
  readonly next: number;
}

/**
 * Reads whole lines of a JSONL file that another process appends to, from a byte on: at most about a megabyte, at least
 * one line. A torn last line is left for the next time. A file that was cut since, so that `from` is no longer the
 * beginning of a line, is answered with no rows and `next` 0.
 */
export async function readPage(path: string, from: number): Promise<Page> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return { rows: [], next: 0 };
  try {
    const { size } = await file.stat();
    // The byte before is read too: it says whether a line begins here.
    const start = Math.max(0, from - 1);
    if (from > size) return { rows: [], next: 0 };
    for (let length = pageBytes; ; length *= 2) {
      const bytes = Buffer.alloc(Math.min(length, size - start));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
      const read = bytes.subarray(0, bytesRead);
      if (from > 0 && read[0] !== newline) return { rows: [], next: 0 };
      const lines = from > 0 ? read.subarray(1) : read;
      const end = lines.lastIndexOf(newline) + 1;
      if (end > 0 || start + length >= size) return { rows: rowsOf(lines.subarray(0, end)), next: from + end };
    }
  } finally {
    await file.close();
  }
}

/** The last whole line of bytes that may begin and end in the middle of one; undefined where there is none. */
export function tornTail(bytes: Uint8Array): unknown {
  const end = bytes.lastIndexOf(newline);
  if (end < 0) return undefined;
  const begin = end === 0 ? 0 : bytes.lastIndexOf(newline, end - 1) + 1;
  return rowsOf(bytes.subarray(begin, end)).at(0);
}

function rowsOf(bytes: Uint8Array): unknown[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      if (line === '') return [];
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}
