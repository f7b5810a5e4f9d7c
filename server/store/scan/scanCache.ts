import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.ts';
import { preparePalateFolder } from '../palateFolder.ts';
import { isSound, type ScanKind, type Scans, scan } from './scan.ts';

/** The scan of so many bytes of a file. */
export interface ScannedPiece<Kind extends ScanKind> {
  readonly length: number;
  readonly scanned: Scans[Kind];
}

/** One that was kept. */
export interface KnownPiece<Kind extends ScanKind> {
  readonly length: number;
  /** Undefined: it is damaged. Decoded when it is asked for: all of a large file at once would block for long. */
  read(): Scans[Kind] | undefined;
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
  async load<Kind extends ScanKind>(path: string, kind: Kind): Promise<readonly KnownPiece<Kind>[]> {
    try {
      return recordsIn(await readFile(this.#fileOf(path, kind)), kind);
    } catch {
      return [];
    }
  }

  /** Begins to write, and goes on while others work. A folder that cannot be written makes the next opening slower. */
  save<Kind extends ScanKind>(path: string, kind: Kind, pieces: readonly ScannedPiece<Kind>[]): void {
    const saving = this.#write(this.#fileOf(path, kind), kind, pieces)
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

  async #write<Kind extends ScanKind>(path: string, kind: Kind, pieces: readonly ScannedPiece<Kind>[]): Promise<void> {
    await preparePalateFolder(this.#project);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, encoded(kind, pieces));
  }
}

/** Piece by piece: one is encoded when the one before it is written. */
function* encoded<Kind extends ScanKind>(kind: Kind, pieces: readonly ScannedPiece<Kind>[]): Generator<Buffer> {
  for (const piece of pieces) yield encode(kind, piece);
}

// ------------------------------------------------------------------------------------------------ the file

/**
 * A record a piece, each of them: SHA-256 of all that follows; how many bytes it has, how many bytes were scanned, and
 * how long the values are, as numbers of 8 bytes; the values as JSON; the columns. All begin at multiples of 8 bytes.
 */
interface Values {
  readonly version: number;
  readonly kind: ScanKind;
  /** What is no column, by name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** How long each column is, in the order of names. */
  readonly counts: readonly number[];
}

type Column = Uint8Array | Uint32Array | Float64Array;

const digestBytes = 32;
const valuesAt = digestBytes + 3 * 8;

function encode<Kind extends ScanKind>(kind: Kind, { length, scanned }: ScannedPiece<Kind>): Buffer {
  const names = columnNames(kind);
  const columns = names.map((name) => scanned[name as keyof Scans[Kind]] as Column);
  const others = Object.entries(scanned).filter(([name]) => !names.includes(name));
  const counts = columns.map((column) => column.length);
  const values: Values = { version, kind, values: Object.fromEntries(others), counts };
  const json = filled(Buffer.from(JSON.stringify(values)));
  const numbers = Buffer.alloc(3 * 8);
  const body = columns.map(({ buffer, byteOffset, byteLength }) => filled(Buffer.from(buffer, byteOffset, byteLength)));
  const bytes = [json, ...body].reduce((sum, part) => sum + part.length, valuesAt);
  for (const [k, number] of [bytes, length, json.length].entries()) numbers.writeDoubleLE(number, 8 * k);
  const record = Buffer.concat([Buffer.alloc(digestBytes), numbers, json, ...body]);
  createHash('sha256').update(record.subarray(digestBytes)).digest().copy(record);
  return record;
}

/** Up to a multiple of 8 bytes. */
function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8, ' ')]);
}

function recordsIn<Kind extends ScanKind>(bytes: Buffer, kind: Kind): KnownPiece<Kind>[] {
  const records: KnownPiece<Kind>[] = [];
  for (let at = 0; at + valuesAt <= bytes.length; ) {
    const record = bytes.subarray(at, at + bytes.readDoubleLE(at + digestBytes));
    const length = bytes.readDoubleLE(at + digestBytes + 8);
    if (record.length < valuesAt || !(length > 0)) break;
    records.push({ length, read: () => decode(record, kind, length) });
    at += record.length;
  }
  return records;
}

function decode<Kind extends ScanKind>(record: Buffer, kind: Kind, length: number): Scans[Kind] | undefined {
  const digest = createHash('sha256').update(record.subarray(digestBytes)).digest();
  if (!digest.equals(record.subarray(0, digestBytes))) return undefined;
  let at = valuesAt + record.readDoubleLE(digestBytes + 16);
  const found = JSON.parse(record.toString('utf8', valuesAt, at)) as Values;
  if (found.version !== version || found.kind !== kind) return undefined;
  const none = scan(kind, Buffer.alloc(0));
  const columns = columnNames(kind).map((name, k) => {
    const Kind = (none[name as keyof Scans[Kind]] as Column).constructor as Uint8ArrayConstructor;
    const column = new Kind(record.buffer as ArrayBuffer, record.byteOffset + at, found.counts[k]);
    at += 8 * Math.ceil(column.byteLength / 8);
    return [name, column] as const;
  });
  const scanned = { ...found.values, ...Object.fromEntries(columns) } as unknown as Scans[Kind];
  return isSound(kind, scanned, length) ? scanned : undefined;
}

/** Of the columns that are numbers. */
function columnNames(kind: ScanKind): string[] {
  return Object.entries(scan(kind, Buffer.alloc(0)))
    .filter(([, value]) => ArrayBuffer.isView(value))
    .map(([name]) => name)
    .sort();
}
