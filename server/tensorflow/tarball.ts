import { createReadStream, mkdirSync, renameSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract, type ReadEntry } from 'tar';
import { UserError } from '../errors.ts';
import { folderSource } from './folder.ts';
import { placeOf } from './library.ts';
import { meter, tally } from './meter.ts';
import type { Source, Work } from './source.ts';

/** A libtensorflow in a .tar.gz file, as the C distribution is published. What it holds is known when it is unpacked. */
export function tarballSource(path: string): Source {
  return {
    path,
    libraries: undefined,
    async unpack(target, work) {
      const folder = join(target.scratch, 'unpacked');
      await unpackTarball(path, folder, (name) => placeOf(name) !== undefined, work);
      return folderSource(folder, { label: path, isTemporary: true }).unpack(target, work);
    },
    close() {},
  };
}

/**
 * Unpacks the one file of that name, wherever in the archive it lies.
 *
 * @throws UserError where there is none or the archive is broken
 */
export async function unpackOneOfTarball(
  path: string,
  name: string,
  file: string,
  { work, scratch }: { readonly work: Work; readonly scratch: string },
): Promise<void> {
  const folder = join(scratch, `${name}.unpacked`);
  const [found] = await unpackTarball(path, folder, (entry) => posix.basename(entry) === name, work);
  if (found === undefined) throw new UserError(`${path} holds no ${name}: get it again.`);
  renameSync(join(folder, found), file);
}

/**
 * Unpacks the files (no links, no devices) that `isWanted`, into a new folder, and answers their paths in it.
 *
 * @throws UserError where the archive is broken, cut off, or names a place outside the folder; the signal's reason
 */
async function unpackTarball(
  path: string,
  folder: string,
  isWanted: (name: string) => boolean,
  { signal, progress }: Work,
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const total = statSync(path).size;
  const unpacked: string[] = [];
  const outside: string[] = [];
  const onBytes = tally((done) => progress('unpack', done, total));
  const unpack = extract({
    cwd: folder,
    strict: true,
    preserveOwner: false,
    filter(name, entry) {
      const { type, linkpath } = entry as ReadEntry;
      const linkTarget = type === 'SymbolicLink' ? posix.join(posix.dirname(name), linkpath ?? '') : linkpath;
      if ([name, linkpath ?? '', linkTarget ?? ''].some(leavesFolder)) outside.push(name);
      const wanted = outside.length === 0 && (type === 'File' || type === 'OldFile') && isWanted(name);
      if (wanted) unpacked.push(name);
      return wanted;
    },
  });
  try {
    await pipeline(createReadStream(path), meter(onBytes), unpack, { signal });
  } catch (error) {
    if (signal.aborted || /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new UserError(`${path} is broken (${(error as Error).message}): get it again.`, { cause: error });
  }
  if (outside.length === 0) return unpacked;
  throw new UserError(`${path} is refused: ${JSON.stringify(outside[0])} in it leads out of its own folder.`);
}

function leavesFolder(path: string): boolean {
  const clean = posix.normalize(path.replaceAll('\\', '/'));
  return clean === '..' || clean.startsWith('../') || clean.startsWith('/') || /^[a-z]:/i.test(clean);
}
