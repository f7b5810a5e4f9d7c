import type { FileHandle } from 'node:fs/promises';
import { digestOf } from './scan/scannedLines.ts';

/** Bytes of a file that were read at one go. */
export interface Piece {
  readonly length: number;
  /** SHA-256. */
  readonly digest: string;
}

/**
 * Whether a file still begins with these pieces. They are answered as they should be looked at the next time, small ones
 * together; undefined: it begins with something else.
 *
 * @param most how many bytes are read at one go where pieces are smaller
 */
export async function standingPieces(
  file: FileHandle,
  before: readonly Piece[],
  most: number,
): Promise<Piece[] | undefined> {
  const parts = partsOf(before, most);
  const longest = parts.reduce((bytes, { length }) => Math.max(bytes, length), 0);
  const buffers = parts.slice(0, 2).map(() => Buffer.allocUnsafeSlow(longest));
  const read = async (k: number) => bytesAt(file, parts[k].at, buffers[k % 2].subarray(0, parts[k].length));
  const standing: Piece[] = [];
  let next = parts.length > 0 ? read(0) : undefined;
  for (const [k, { pieces, length }] of parts.entries()) {
    const bytes = await (next as Promise<Buffer>);
    // While these bytes are looked at, the next ones are read.
    next = k + 1 < parts.length ? read(k + 1) : undefined;
    next?.catch(() => undefined);
    if (!isMadeOf(bytes, pieces)) {
      await next?.catch(() => undefined);
      return undefined;
    }
    standing.push(pieces.length === 1 ? pieces[0] : { length, digest: digestOf(bytes) });
  }
  return standing;
}

/** Fills the buffer with the bytes from `at` on; fewer where the file ends before. */
export async function bytesAt(file: FileHandle, at: number, buffer: Buffer): Promise<Buffer> {
  let held = 0;
  while (held < buffer.length) {
    const { bytesRead } = await file.read(buffer, held, buffer.length - held, at + held);
    if (bytesRead === 0) break;
    held += bytesRead;
  }
  return buffer.subarray(0, held);
}

/** Pieces one after the other, up to so many bytes: what was appended bit by bit is read at one go. */
function partsOf(pieces: readonly Piece[], most: number): { at: number; length: number; pieces: Piece[] }[] {
  const parts: { at: number; length: number; pieces: Piece[] }[] = [];
  let at = 0;
  for (const piece of pieces) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + piece.length <= most) {
      last.length += piece.length;
      last.pieces.push(piece);
    } else {
      parts.push({ at, length: piece.length, pieces: [piece] });
    }
    at += piece.length;
  }
  return parts;
}

function isMadeOf(bytes: Buffer, pieces: readonly Piece[]): boolean {
  let start = 0;
  return pieces.every(({ length, digest }) => {
    start += length;
    return digestOf(bytes.subarray(start - length, start)) === digest;
  });
}
