import { randomUUID } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, sep, win32 } from 'node:path';
import { UserError } from '../errors.ts';
import { type CachedPicture, cachedPicture, openCache, type PictureCache, trimCache } from './cache.ts';
import { type Decoded, Decoder, type DecoderOptions } from './child.ts';
import { inspectPicture, Refused } from './source.ts';

/** `path`: absolute, of a PNG or WebP that we wrote; `width` and `height`: its pixels. */
export type PreparedPicture = CachedPicture;

/**
 * A picture of the project as a file that is safe to show: decoded in a process of its own, upright, in sRGB, without
 * metadata, at most 4096 pixels long, in the project's cache. The file's content decides what it is, not its name.
 *
 * @param project the project's folder, absolute
 * @param path relative to it, with forward slashes
 * @throws UserError where there is no such picture in the project, or it is not one that can be shown
 */
export function prepareImage(project: string, path: string): Promise<PreparedPicture> {
  shared ??= new PicturePreparer();
  return shared.prepare(project, path);
}

/** Ends the decoder of `prepareImage`, where one runs. */
export async function closeImages(): Promise<void> {
  const preparer = shared;
  shared = undefined;
  await preparer?.close();
}

let shared: PicturePreparer | undefined;

/** Prepares pictures of any project, all with one decoder. */
export class PicturePreparer {
  readonly #decoder: Decoder;
  /** Pictures under way, by the cache's folder and hash: two panels may ask for the same one. */
  readonly #underWay = new Map<string, Promise<PreparedPicture | undefined>>();

  constructor(options: DecoderOptions = {}) {
    this.#decoder = new Decoder(options);
  }

  /** Of the decoder; undefined where none runs. */
  get pid(): number | undefined {
    return this.#decoder.pid;
  }

  async prepare(project: string, path: string): Promise<PreparedPicture> {
    const root = await realpath(project).catch(() => {
      throw new UserError(`The project's folder ${project} is gone.`);
    });
    const source = await insideProject(root, path);
    // Once more where somebody writes the file in this very moment.
    for (let attempt = 0; attempt < 2; attempt++) {
      const sha256 = await inspectPicture(source).catch((error) => refuse(path, error));
      const cache = await openCache(root);
      const prepared = (await cachedPicture(cache, sha256)) ?? (await this.#once(cache, { path, source, sha256 }));
      if (prepared) return prepared;
    }
    throw new UserError(`The picture ${quoted(path)} changes while it is read. Try again when it is finished.`);
  }

  close(): Promise<void> {
    return this.#decoder.close();
  }

  async #once(cache: PictureCache, picture: Picture): Promise<PreparedPicture | undefined> {
    const key = join(cache.folder, picture.sha256);
    const known = this.#underWay.get(key);
    // Its failure is told with its own name: the same bytes may lie in two places.
    if (known !== undefined) return known.catch(() => this.#decode(cache, picture));
    const decoding = this.#decode(cache, picture);
    this.#underWay.set(key, decoding);
    return decoding.finally(() => this.#underWay.delete(key));
  }

  /** Undefined: the file changed. */
  async #decode(cache: PictureCache, { path, source, sha256 }: Picture): Promise<PreparedPicture | undefined> {
    const target = join(cache.folder, `${sha256}.${randomUUID()}.tmp`);
    try {
      const decoded: Decoded = await this.#decoder.decode({ source, sha256, target });
      if ('died' in decoded) throw new Refused(decoded.died);
      if ('refused' in decoded) throw new Refused(decoded.refused);
      if ('changed' in decoded) return undefined;
      const { extension, width, height } = decoded.ok;
      const final = join(cache.folder, `${sha256}.${extension}`);
      await rename(target, final);
      await trimCache(cache);
      return { path: final, width, height };
    } catch (error) {
      await rm(target, { force: true }).catch(() => {});
      return refuse(path, error);
    }
  }
}

interface Picture {
  /** As the project names it. */
  readonly path: string;
  readonly source: string;
  readonly sha256: string;
}

/**
 * The file's real place.
 *
 * @throws UserError where the path, or a link on the way, leaves the project
 */
async function insideProject(root: string, path: string): Promise<string> {
  const parts = path.split(/[/\\]/);
  const isForeign = path === '' || path.includes('\0') || isAbsolute(path) || win32.isAbsolute(path);
  // "C:name" is relative to a drive's own folder, "name:stream" is another part of a file.
  if (isForeign || parts.includes('..') || (process.platform === 'win32' && path.includes(':'))) {
    throw new UserError(
      `${quoted(path)} is not a path inside the project. Pictures are named relative to its folder, as images/a.png.`,
    );
  }
  const source = await realpath(join(root, path)).catch((error) => refuse(path, error));
  if (!source.startsWith(root + sep)) {
    throw new UserError(`The picture ${quoted(path)} leads outside of the project. Copy it into the project's folder.`);
  }
  return source;
}

const systemErrors: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  ENAMETOOLONG: 'has too long a name',
  EACCES: 'may not be read by you',
  EPERM: 'may not be read by you',
  ELOOP: 'is a link that leads to itself',
  EISDIR: 'is not a file',
  // A socket.
  ENXIO: 'is not a file',
  ENOSPC: 'cannot be prepared: the disk is full',
  EROFS: 'cannot be prepared: the project is on a disk that can only be read',
};

function refuse(path: string, error: unknown): never {
  if (error instanceof UserError) throw error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reason = error instanceof Refused ? message : (systemErrors[code] ?? `cannot be prepared: ${message}`);
  throw new UserError(`The picture ${quoted(path)} ${reason}.`, { cause: error });
}

/** Names come from data: nothing in them may move the cursor or turn the text around. */
function quoted(path: string): string {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
