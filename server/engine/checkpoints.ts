import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { packState, type StoredArray, unpackState } from './run/stateTree.ts';
import type { Serialisable } from './stages/stage.ts';
import { writeFolderAtomically } from './weights/files.ts';

/** Raised when a reader of the old format could misread the new one. */
const formatVersion = 1;
const kept = 2;

const manifestName = 'checkpoint.json';
const treeName = 'state.json';
const arraysName = 'arrays.bin';

interface CheckpointManifest {
  readonly format: number;
  readonly step: number;
  readonly arrays: readonly StoredArray[];
  readonly files: Readonly<Record<string, FileRecord>>;
}

interface FileRecord {
  readonly bytes: number;
  readonly sha256: string;
}

export interface ReadCheckpoint {
  readonly folder: string;
  readonly step: number;
  readonly state: Serialisable;
}

export interface LatestCheckpoint {
  /** null: there is none that is whole. */
  readonly checkpoint: ReadCheckpoint | null;
  /** One sentence for each newer checkpoint that was passed over, newest first. */
  readonly broken: readonly string[];
}

/**
 * Writes `folder`/step-N: complete or absent. The files are written and flushed in a folder beside it, which is then
 * renamed. The two newest checkpoints up to `step` are kept; later ones, left by a run that was set back, go.
 *
 * A checkpoint holds state.json (the tree), arrays.bin (typed arrays, little-endian, one after the other, in the order
 * of the manifest) and checkpoint.json (format, step, types and lengths of the arrays, size and SHA-256 of each file).
 *
 * @returns the checkpoint's folder
 */
export function writeCheckpoint(folder: string, step: number, state: Serialisable): string {
  if (!Number.isSafeInteger(step) || step < 0) throw new Error(`A checkpoint's step is a whole number, not ${step}.`);
  mkdirSync(folder, { recursive: true });
  removeLeftovers(folder);
  const { tree, arrays, stored } = packState(state);
  const files: Record<string, FileRecord> = {};
  const target = join(folder, checkpointName(step));
  writeFolderAtomically(
    target,
    new Map<string, Iterable<Uint8Array | string>>([
      [treeName, recorded(treeName, [Buffer.from(JSON.stringify(tree), 'utf8')], files)],
      [arraysName, recorded(arraysName, arrays, files)],
      [manifestName, manifestOf({ format: formatVersion, step, arrays: stored, files })],
    ]),
  );
  for (const other of checkpointSteps(folder).filter((found) => found > step)) removeCheckpoint(folder, other);
  for (const other of checkpointSteps(folder).slice(kept)) removeCheckpoint(folder, other);
  return target;
}

/** Passes the parts on, and notes size and checksum of all of them in `files` once they are written. */
function* recorded(
  name: string,
  parts: readonly Uint8Array[],
  files: Record<string, FileRecord>,
): Iterable<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const part of parts) {
    hash.update(part);
    bytes += part.length;
    yield part;
  }
  files[name] = { bytes, sha256: hash.digest('hex') };
}

/** A generator, so that the manifest is made after the files it lists are written. */
function* manifestOf(manifest: CheckpointManifest): Iterable<string> {
  yield `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * The newest checkpoint in `folder` that is whole: every file there, of the recorded size and SHA-256. The typed arrays
 * come back with the same bytes, the numbers of the tree with NaN, −0 and the infinities.
 *
 * @throws UserError where a checkpoint was written by a newer version of Palate
 */
export function readLatestCheckpoint(folder: string): LatestCheckpoint {
  const broken: string[] = [];
  for (const step of checkpointSteps(folder)) {
    const path = join(folder, checkpointName(step));
    try {
      return { checkpoint: { folder: path, step, state: readState(path, step) }, broken };
    } catch (error) {
      if (!(error instanceof BrokenCheckpoint)) throw error;
      broken.push(`${path} is not whole and was passed over: ${error.message}`);
    }
  }
  return { checkpoint: null, broken };
}

class BrokenCheckpoint extends Error {}

function readState(folder: string, step: number): Serialisable {
  const manifest = readManifest(folder);
  if (manifest.step !== step) throw new BrokenCheckpoint(`${manifestName} says step ${manifest.step}.`);
  const tree = readVerified(folder, treeName, manifest, [null])[0];
  const total = manifest.arrays.reduce((sum, { length }) => sum + length * 4, 0);
  if (total !== manifest.files[arraysName]?.bytes)
    throw new BrokenCheckpoint(`${arraysName} has not the size of its arrays.`);
  const lengths = manifest.arrays.map(({ length }) => length * 4);
  const arrays = readVerified(folder, arraysName, manifest, lengths);
  return unpackState(JSON.parse(Buffer.from(tree).toString('utf8')), manifest.arrays, arrays);
}

function readManifest(folder: string): CheckpointManifest {
  const path = join(folder, manifestName);
  let manifest: CheckpointManifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new BrokenCheckpoint(`${manifestName} cannot be read (${error instanceof Error ? error.message : error}).`);
  }
  if (typeof manifest?.format === 'number' && manifest.format > formatVersion) {
    throw new UserError(
      `${path} is a checkpoint of format ${manifest.format}; this version of Palate knows up to ${formatVersion}. ` +
        'Update Palate to go on with this run; nothing was changed.',
    );
  }
  const whole =
    manifest?.format === formatVersion &&
    Array.isArray(manifest.arrays) &&
    manifest.arrays.every(({ type, length }) => isStoredType(type) && Number.isSafeInteger(length) && length >= 0) &&
    typeof manifest.files === 'object' &&
    manifest.files !== null;
  if (!whole) throw new BrokenCheckpoint(`${manifestName} is not a checkpoint's.`);
  return manifest;
}

function isStoredType(type: unknown): boolean {
  return type === 'float32' || type === 'int32';
}

/** Reads a file into buffers of the given lengths (null: all of it) and holds it against the manifest. */
function readVerified(
  folder: string,
  name: string,
  manifest: CheckpointManifest,
  lengths: readonly (number | null)[],
): ArrayBuffer[] {
  const record = manifest.files[name];
  if (!record) throw new BrokenCheckpoint(`${manifestName} does not list ${name}.`);
  let file: number;
  try {
    file = openSync(join(folder, name), 'r');
  } catch {
    throw new BrokenCheckpoint(`${name} is missing.`);
  }
  try {
    // Before anything is allocated by what the manifest claims.
    const { size } = fstatSync(file);
    if (size !== record.bytes) throw new BrokenCheckpoint(`${name} has ${size} bytes instead of ${record.bytes}.`);
    const hash = createHash('sha256');
    const buffers = lengths.map((length) => {
      const bytes = new Uint8Array(length ?? size);
      readFully(file, bytes);
      hash.update(bytes);
      return bytes.buffer;
    });
    if (hash.digest('hex') !== record.sha256) throw new BrokenCheckpoint(`the checksum of ${name} is wrong.`);
    return buffers;
  } finally {
    closeSync(file);
  }
}

function readFully(file: number, bytes: Uint8Array): void {
  let offset = 0;
  while (offset < bytes.length) {
    const read = readSync(file, bytes, offset, Math.min(64 * 1024 * 1024, bytes.length - offset), null);
    if (read === 0) break;
    offset += read;
  }
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/** Newest first. */
function checkpointSteps(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => /^step-(\d{8,})$/.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => b - a);
}

function removeCheckpoint(folder: string, step: number): void {
  const path = join(folder, checkpointName(step));
  // Renamed first: a kill in the middle of the removal leaves no half of a checkpoint under a checkpoint's name.
  const aside = join(folder, `.${checkpointName(step)}.removed.tmp`);
  rmSync(aside, { recursive: true, force: true });
  renameSync(path, aside);
  rmSync(aside, { recursive: true, force: true });
}

/** The run's lock is held, so nobody else is writing here. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith('.step-')) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
