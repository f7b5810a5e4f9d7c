import { createHash, createHmac } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.ts';
import { preparePalateFolder } from '../palateFolder.ts';
import { type ScanKind, type Scans, scan } from './scan.ts';
import { scanKey } from './scanKey.ts';

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
  read(): Scans[Kind] | undefined;
}

/** Changes whenever a scan says something else of the same bytes, or this file is written in another way. */
const version = 1;

/**
 * Scans of large files, kept in .palate/cache/scans from one opening of the project to the next. A scan is used only for
 * bytes that have its SHA-256, and only where it was kept with this person's key: a folder that came from somebody else
 * may hold what it likes. What is damaged, foreign or missing is scanned.
 */
export class ScanCache {
  readonly #project: string;
  readonly #home: string | undefined;
  readonly #saving = new Set<Promise<void>>();

  /** @param home the person's folder; default: palateHome() */
  constructor(project: string, home?: string) {
    this.#project = project;
    this.#home = home;
  }

  /** Of the file at this path, which has so many bytes. */
  async load<Kind extends ScanKind>(path: string, kind: Kind, size: number): Promise<readonly KnownPiece<Kind>[]> {
    try {
      const key = await scanKey(this.#home);
      const bytes = await readRegular(this.#fileOf(path, kind), 2 * size);
      return recordsIn(bytes, kind, key, size / shortPiece + 16);
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
    const key = await scanKey(this.#home);
    // Not a folder that was removed meanwhile.
    await stat(this.#project);
    await preparePalateFolder(this.#project);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, encoded(kind, pieces, key));
  }
}

/** Piece by piece: one is encoded when the one before it is written. */
function* encoded<Kind extends ScanKind>(
  kind: Kind,
  pieces: readonly ScannedPiece<Kind>[],
  key: Buffer,
): Generator<Buffer> {
  for (const piece of pieces) yield encode(kind, piece, key);
}

/** The bytes of a regular file, of at most so many. */
async function readRegular(path: string, most: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > most) throw new Error('It is no file that this wrote.');
    // At one go: the handle's own readFile reads piece by piece, and copies them all.
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

// ------------------------------------------------------------------------------------------------ the file

/**
 * A record a piece, each of them: HMAC-SHA-256 of all that follows; how many bytes it has, where the scanned bytes begin,
 * how many they are, and how long the values are, as numbers of 8 bytes; the values as JSON; the columns. All begin at
 * multiples of 8 bytes.
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

const codeBytes = 32;
/** Pieces are longer on average. */
const shortPiece = 2 ** 15;
const numberCount = 4;
const valuesAt = codeBytes + 8 * numberCount;

function encode<Kind extends ScanKind>(
  kind: Kind,
  { start, length, scanned }: ScannedPiece<Kind>,
  key: Buffer,
): Buffer {
  const names = columnsOf(kind).map(([name]) => name);
  const columns = names.map((name) => scanned[name as keyof Scans[Kind]] as Column);
  const others = Object.entries(scanned).filter(([name]) => !names.includes(name));
  const counts = columns.map((column) => column.length);
  const values: Values = { version, kind, values: Object.fromEntries(others), counts };
  const json = filled(Buffer.from(JSON.stringify(values)));
  const body = columns.map(({ buffer, byteOffset, byteLength }) => filled(Buffer.from(buffer, byteOffset, byteLength)));
  const bytes = [json, ...body].reduce((sum, part) => sum + part.length, valuesAt);
  const numbers = Buffer.alloc(8 * numberCount);
  for (const [k, number] of [bytes, start, length, json.length].entries()) numbers.writeDoubleLE(number, 8 * k);
  const record = Buffer.concat([Buffer.alloc(codeBytes), numbers, json, ...body]);
  codeOf(record, key).copy(record);
  return record;
}

/** Up to a multiple of 8 bytes. */
function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8, ' ')]);
}

function codeOf(record: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(record.subarray(codeBytes)).digest();
}

function recordsIn<Kind extends ScanKind>(bytes: Buffer, kind: Kind, key: Buffer, most: number): KnownPiece<Kind>[] {
  const records: KnownPiece<Kind>[] = [];
  for (let at = 0; at + valuesAt <= bytes.length && records.length < most; ) {
    const [size, start, length] = [0, 1, 2].map((k) => bytes.readDoubleLE(at + codeBytes + 8 * k));
    if (![size, start, length].every(Number.isSafeInteger) || size < valuesAt || start < 0 || length < 1) break;
    const record = bytes.subarray(at, at + size);
    records.push({ start, length, read: () => decode(record, kind, key) });
    at += size;
  }
  return records;
}

function decode<Kind extends ScanKind>(record: Buffer, kind: Kind, key: Buffer): Scans[Kind] | undefined {
  if (!codeOf(record, key).equals(record.subarray(0, codeBytes))) return undefined;
  let at = valuesAt + record.readDoubleLE(valuesAt - 8);
  const found = JSON.parse(record.toString('utf8', valuesAt, at)) as Values;
  if (found.version !== version || found.kind !== kind) return undefined;
  const columns = columnsOf(kind).map(([name, Numbers], k) => {
    const column = new Numbers(record.buffer as ArrayBuffer, record.byteOffset + at, found.counts[k]);
    at += 8 * Math.ceil(column.byteLength / 8);
    return [name, column] as const;
  });
  return { ...found.values, ...Object.fromEntries(columns) } as unknown as Scans[Kind];
}

/** Of a scan: which of its values are numbers, and of what kind. */
function columnsOf(kind: ScanKind): readonly (readonly [name: string, Numbers: Uint8ArrayConstructor])[] {
  let columns = columnsByKind.get(kind);
  if (columns === undefined) {
    columns = Object.entries(scan(kind, Buffer.alloc(0)))
      .filter(([, value]) => ArrayBuffer.isView(value))
      .map(([name, value]) => [name, (value as Column).constructor as Uint8ArrayConstructor] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    columnsByKind.set(kind, columns);
  }
  return columns;
}

const columnsByKind = new Map<ScanKind, readonly (readonly [string, Uint8ArrayConstructor])[]>();
