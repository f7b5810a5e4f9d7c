import { lstat, mkdir, open, readdir, realpath, rm, stat, utimes } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UserError } from '../errors.ts';
import { formatOf, type PictureSize, sizeOf } from './header.ts';
import { limits } from './limits.ts';

/** Where a project's safe pictures lie: .palate/cache/images/<SHA-256 of the original>.<png or webp>. */
export interface PictureCache {
  /** Absolute. */
  readonly folder: string;
}

export interface CachedPicture extends PictureSize {
  readonly path: string;
}

/**
 * The cache of a project, made where it is missing.
 *
 * @param project absolute, without symbolic links
 * @throws UserError where it cannot be made, or where a link leads out of the project: nothing is written elsewhere
 */
export async function openCache(project: string): Promise<PictureCache> {
  const folder = join(project, '.palate', 'cache', 'images');
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`Cannot make the folder for prepared pictures: ${(error as Error).message}.`, { cause: error });
  }
  const real = await realpath(folder);
  if (!real.startsWith(project + sep)) {
    throw new UserError(`${folder} leads to ${real}, outside of the project. Remove the link.`);
  }
  return { folder: real };
}

/** What is already prepared for a file with this hash; it counts as looked at. */
export async function cachedPicture({ folder }: PictureCache, sha256: string): Promise<CachedPicture | undefined> {
  for (const extension of ['png', 'webp']) {
    const path = join(folder, `${sha256}.${extension}`);
    const size = await writtenSize(path);
    if (!size) continue;
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return { path, ...size };
  }
  return undefined;
}

/** Undefined: there is no such file, or it is not one that was written here. */
async function writtenSize(path: string): Promise<PictureSize | undefined> {
  try {
    if (!(await lstat(path)).isFile()) return undefined;
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
      const head = buffer.subarray(0, bytesRead);
      const format = formatOf(head);
      return format && path.endsWith(`.${format}`) ? sizeOf(head, format) : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * Keeps the cache within its bounds: the pictures that were not looked at for longest go, and what a killed decoder
 * left half written. What cannot be removed stays.
 */
export async function trimCache(
  { folder }: PictureCache,
  bounds: { readonly bytes: number; readonly files: number } = { bytes: limits.cacheBytes, files: limits.cacheFiles },
): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const files: { path: string; size: number; seen: number }[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const status = await stat(path).catch(() => undefined);
    if (!status?.isFile()) continue;
    const isLeftOver = name.endsWith('.tmp') && Date.now() - status.mtimeMs > 10 * limits.seconds * 1000;
    if (isLeftOver) await rm(path, { force: true }).catch(() => {});
    else if (!name.endsWith('.tmp')) files.push({ path, size: status.size, seen: status.mtimeMs });
  }
  files.sort((a, b) => b.seen - a.seen);
  let [bytes, count] = [0, 0];
  for (const { path, size } of files) {
    bytes += size;
    count++;
    if (bytes > bounds.bytes || count > bounds.files) await rm(path, { force: true }).catch(() => {});
  }
}
