import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isRunning } from './running.ts';

/** What is known of a part of a file: of what it is a part. */
export interface PartNote {
  /** The server's name for the version that it began with; strong ones only. */
  readonly etag?: string;
  /** Checksum of the whole file. */
  readonly sum?: string;
}

/** What an earlier download left becomes this process's by renaming it, which only one of two processes can do. */
export function claimPart(file: string): string {
  const own = `${file}.${process.pid}.part`;
  const folder = dirname(file);
  const left = readdirSync(folder)
    .map((entry) => ({ entry, owner: partOwner(entry, basename(file)) }))
    .filter(({ owner }) => owner !== undefined && !(owner > 0 && isRunning(owner)));
  for (const { entry } of left) {
    if (!moved(join(folder, entry), own)) continue;
    moved(noteOf(join(folder, entry)), noteOf(own));
    break;
  }
  return own;
}

/** Leaves a part for the next time, under the name that any process may claim. */
export function freePart(file: string, own: string): void {
  if (existsSync(own) && moved(own, `${file}.part`)) moved(noteOf(own), noteOf(`${file}.part`));
  else rmSync(noteOf(own), { force: true });
}

export function readNote(part: string): PartNote {
  try {
    const { etag, sum } = JSON.parse(readFileSync(noteOf(part), 'utf8'));
    return { etag: typeof etag === 'string' ? etag : undefined, sum: typeof sum === 'string' ? sum : undefined };
  } catch {
    // Without it nothing but the checksum at the end says whether the part still fits.
    return {};
  }
}

export function writeNote(part: string, note: PartNote): void {
  if (note.etag === undefined && note.sum === undefined) rmSync(noteOf(part), { force: true });
  else writeFileSync(noteOf(part), JSON.stringify(note));
}

export function removePart(part: string): void {
  rmSync(part, { force: true });
  rmSync(noteOf(part), { force: true });
}

const noteOf = (part: string) => `${part}.json`;

/** The process of 'x.123.part', 0 for the free 'x.part', undefined for another file. */
function partOwner(entry: string, name: string): number | undefined {
  if (!entry.startsWith(`${name}.`) || !entry.endsWith('.part')) return undefined;
  return Number(entry.slice(name.length + 1, -'part'.length).replace('.', '') || 0);
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
