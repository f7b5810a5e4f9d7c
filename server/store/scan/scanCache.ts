import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.ts';
import { preparePalateFolder } from '../palateFolder.ts';
import { isSound, type ScanKind, type Scans, scan } from './scan.ts';

/** The scan of so many bytes of a file. */
export interface ScannedPiece<Kind extends ScanKind> {
  readonly length: number;
  readonly scanned: Scans[Kind];
}

/** Changes whenever a scan says something else of the same bytes, or this file is written in another way. */
const version = 1;

/**
 * Scans of large files, kept in .palate/cache/scans from one opening of the project to the next. A scan is used only for
 * bytes that have its SHA-256, so it says what scanning them again would say. What is damaged or missing is scanned.
 */
export class ScanCache {
  readonly #project: string;
  readonly #saving = new Set<Promise<void>>();

  constructor(project: string) {
    this.#project = project;
  }

  /** Of the file at this path, from its beginning. */
  async load<Kind extends ScanKind>(path: string, kind: Kind): Promise<readonly ScannedPiece<Kind>[]> {
    try {
      return decode(await readFile(this.#fileOf(path, kind)), kind);
    } catch {
      return [];
    }
  }

  /** Begins to write, and goes on while others work. A folder that cannot be written makes the next opening slower. */
  save<Kind extends ScanKind>(path: string, kind: Kind, pieces: readonly ScannedPiece<Kind>[]): void {
    const saving = this.#write(this.#fileOf(path, kind), encode(kind, pieces))
      .catch(() => undefined)
      .finally(() => this.#saving.delete(saving));
    this.#saving.add(saving);
  }

  async close(): Promise<void> {
    await Promise.all(this.#saving);
  }

  #fileOf(path: string, kind: ScanKind): string {
    const name = createHash('sha256').update(basename(path)).digest('hex').slice(0, 16);
    return join(this.#project, '.palate', 'cache', 'scans', `${kind}-${name}.bin`);
  }

  async #write(file: string, parts: readonly Buffer[]): Promise<void> {
    await preparePalateFolder(this.#project);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFileAtomically(file, parts);
  }
}

// ------------------------------------------------------------------------------------------------ the file

/**
 * SHA-256 of all that follows; the header's length, 8 bytes; the header as JSON, filled up with spaces; the columns one
 * after the other. Everything begins at a multiple of 8 bytes.
 */
interface Header {
  readonly version: number;
  readonly kind: ScanKind;
  readonly pieces: readonly {
    readonly length: number;
    /** What is no column, by name. */
    readonly values: Readonly<Record<string, unknown>>;
    /** How long each column is, in the order of names. */
    readonly counts: readonly number[];
  }[];
}

type Column = Uint8Array | Uint32Array | Float64Array;

const digestBytes = 32;
const headerAt = digestBytes + 8;

function encode<Kind extends ScanKind>(kind: Kind, pieces: readonly ScannedPiece<Kind>[]): Buffer[] {
  const names = columnNames(kind);
  const body: Buffer[] = [];
  const header: Header = {
    version,
    kind,
    pieces: pieces.map(({ length, scanned }) => {
      const all = Object.entries(scanned);
      const columns = names.map((name) => scanned[name as keyof Scans[Kind]] as Column);
      for (const { buffer, byteOffset, byteLength } of columns) {
        body.push(Buffer.from(buffer, byteOffset, byteLength), Buffer.alloc(fillOf(byteLength)));
      }
      const values = Object.fromEntries(all.filter(([name]) => !names.includes(name)));
      return { length, values, counts: columns.map((column) => column.length) };
    }),
  };
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeDoubleLE(json.length + fillOf(json.length));
  const parts = [start, json, Buffer.alloc(fillOf(json.length), ' '), ...body];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return [hash.digest(), ...parts];
}

function decode<Kind extends ScanKind>(bytes: Buffer, kind: Kind): ScannedPiece<Kind>[] {
  const digest = createHash('sha256').update(bytes.subarray(digestBytes)).digest();
  if (!digest.equals(bytes.subarray(0, digestBytes))) return [];
  let at = headerAt + bytes.readDoubleLE(digestBytes);
  const header = JSON.parse(bytes.toString('utf8', headerAt, at)) as Header;
  if (header.version !== version || header.kind !== kind) return [];
  const none = scan(kind, Buffer.alloc(0));
  const names = columnNames(kind);
  return header.pieces.map(({ length, values, counts }) => {
    const columns = names.map((name, k) => {
      const Kind = (none[name as keyof Scans[Kind]] as Column).constructor as Uint8ArrayConstructor;
      const column = new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, counts[k]);
      at += column.byteLength + fillOf(column.byteLength);
      return [name, column] as const;
    });
    const scanned = { ...values, ...Object.fromEntries(columns) } as unknown as Scans[Kind];
    if (!isSound(kind, scanned, length)) throw new Error('Such bytes have no such scan.');
    return { length, scanned };
  });
}

/** Of the columns that are numbers. */
function columnNames(kind: ScanKind): string[] {
  return Object.entries(scan(kind, Buffer.alloc(0)))
    .filter(([, value]) => ArrayBuffer.isView(value))
    .map(([name]) => name)
    .sort();
}

/** Bytes up to a multiple of 8. */
function fillOf(length: number): number {
  return (8 - (length % 8)) % 8;
}
