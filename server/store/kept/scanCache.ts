import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { ScanKind, Scans } from '../scan/scan.ts';
import type { KeptFiles } from './keptFiles.ts';
import { decodeRecord, encodeRecord, recordsIn, sealed } from './keptRecord.ts';

/** The scan of some bytes of a file. */
export interface ScannedPiece<Kind extends ScanKind> {
  /** Of their first in the file. */
  readonly start: number;
  readonly length: number;
  readonly scanned: Scans[Kind];
}

/** One that was kept. */
export interface KnownPiece<Kind extends ScanKind> {
  readonly start: number;
  readonly length: number;
  /** Undefined: it is damaged. Decoded when it is asked for: all of a large file at once would block for long. */
  read(): Promise<Scans[Kind] | undefined>;
}

/** Pieces are longer on average. */
const shortPiece = 2 ** 15;

/**
 * Scans of large files, kept from one opening of the project to the next, a record a piece. A scan is used only for
 * bytes that have its SHA-256. What is damaged, foreign or missing is scanned.
 */
export class ScanCache {
  readonly #kept: KeptFiles;

  constructor(kept: KeptFiles) {
    this.#kept = kept;
  }

  /** Of the file at this path, which has so many bytes. */
  async load<Kind extends ScanKind>(path: string, kind: Kind, size: number): Promise<readonly KnownPiece<Kind>[]> {
    const found = await this.#kept.read(nameOf(path, kind), 2 * size);
    if (found === undefined) return [];
    const { bytes, key } = found;
    return recordsIn(bytes, size / shortPiece + 16).map((record) => ({
      start: record.start,
      length: record.length,
      read: () => decodeRecord(kind, record, key) as Promise<Scans[Kind] | undefined>,
    }));
  }

  save<Kind extends ScanKind>(path: string, kind: Kind, pieces: readonly ScannedPiece<Kind>[]): void {
    this.#kept.write(nameOf(path, kind), async function* (key) {
      for (const piece of pieces) yield await sealed(encodeRecord(kind, piece, piece.scanned), key);
    });
  }
}

function nameOf(path: string, kind: ScanKind): string {
  return `${kind}-${createHash('sha256').update(basename(path)).digest('hex').slice(0, 16)}.bin`;
}
