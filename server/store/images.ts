import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { UserError } from '../errors.ts';
import { writeFileAtomically } from './atomicFile.ts';
import { isAbsent, reasonOf } from './fileErrors.ts';
import { excerpt } from './jsonLines.ts';
import { preparePalateFolder } from './palateFolder.ts';

interface Hashed {
  readonly size: number;
  readonly mtimeMs: number;
  readonly sha256: string;
}

const largestPicture = 200 * 2 ** 20;
const cacheFile = join('.palate', 'cache', 'images.json');

/** SHA-256 of the project's pictures. A file is read once: path, size and time of change say that it is the same. */
export class ImageFiles {
  readonly #folder: string;
  #known: Map<string, Hashed> | undefined;
  #unsaved = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * In hexadecimal digits.
   *
   * @param path relative to the project's folder, with forward slashes
   * @throws UserError where the path leaves the project, by dots, from the root, or through a symbolic link; where
   *   there is no such file
   */
  async hashOf(path: string): Promise<string> {
    const { real, size, mtimeMs } = await this.#find(path);
    this.#known ??= await this.#readCache();
    const known = this.#known.get(path);
    if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
    const sha256 = await hashFile(real).catch((error: unknown) => {
      throw new UserError(`The picture ${excerpt(path)} cannot be read: ${reasonOf(error)}.`, { cause: error });
    });
    this.#known.set(path, { size, mtimeMs, sha256 });
    this.#unsaved = true;
    return sha256;
  }

  /** Keeps what was hashed for the next time. A cache that cannot be written is no fault. */
  async save(): Promise<void> {
    if (!this.#unsaved || this.#known === undefined) return;
    this.#unsaved = false;
    const path = join(this.#folder, cacheFile);
    try {
      await preparePalateFolder(this.#folder);
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomically(path, JSON.stringify({ version: 1, files: Object.fromEntries(this.#known) }));
    } catch {}
  }

  async #find(path: string): Promise<{ real: string; size: number; mtimeMs: number }> {
    checkPath(path);
    try {
      const [folder, real] = await Promise.all([realpath(this.#folder), realpath(join(this.#folder, path))]);
      const inside = relative(folder, real);
      if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
        throw new UserError(
          `The picture ${excerpt(path)} is a symbolic link that leaves the project's folder. Copy the file into the project.`,
        );
      }
      const status = await stat(real);
      if (!status.isFile()) throw new UserError(`The picture ${excerpt(path)} is not a file.`);
      if (status.size > largestPicture) {
        const megabytes = (status.size / 1e6).toFixed(0);
        throw new UserError(
          `The picture ${excerpt(path)} has ${megabytes} MB; the limit is ${largestPicture / 1e6} MB.`,
        );
      }
      return { real, size: status.size, mtimeMs: status.mtimeMs };
    } catch (error) {
      if (error instanceof UserError) throw error;
      const hint = isAbsent(error) ? " Paths start at the project's folder." : '';
      throw new UserError(`The picture ${excerpt(path)} cannot be read: ${reasonOf(error)}.${hint}`, { cause: error });
    }
  }

  async #readCache(): Promise<Map<string, Hashed>> {
    try {
      const { version, files } = JSON.parse(await readFile(join(this.#folder, cacheFile), 'utf8'));
      if (version !== 1) return new Map();
      const entries = Object.entries(files as Record<string, Hashed>);
      return new Map(entries.filter(([, { sha256 }]) => /^[0-9a-f]{64}$/.test(sha256)));
    } catch {
      return new Map();
    }
  }
}

function checkPath(path: string): void {
  const refuse = (why: string) => {
    throw new UserError(
      `The picture ${excerpt(path)} ${why}. Give a path inside the project's folder, with forward slashes: "images/a.png".`,
    );
  };
  if (path.includes('\0')) refuse('has a zero byte in its name');
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) refuse('is an address; nothing is loaded from the network');
  if (isAbsolute(path) || /^[/\\]/.test(path) || /^[a-z]:/i.test(path)) refuse('is an absolute path');
  if (path.split(/[/\\]/).includes('..')) refuse('leaves the folder with ".."');
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) hash.update(chunk);
  return hash.digest('hex');
}
