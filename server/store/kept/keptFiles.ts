import { constants } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.ts';
import { preparePalateFolder } from '../palateFolder.ts';
import { keptKey } from './keptKey.ts';

/**
 * What a project keeps in .palate/cache/kept from one opening to the next, so that it need not be computed again. It is
 * used only where it was kept with this person's key: a folder that came from somebody else may hold what it likes.
 */
export class KeptFiles {
  readonly #project: string;
  readonly #home: string | undefined;
  readonly #writing = new Set<Promise<void>>();

  /** @param home the person's folder; default: palateHome() */
  constructor(project: string, home?: string) {
    this.#project = project;
    this.#home = home;
  }

  /** The bytes of a file of at most so many, and the key to check them with; undefined: there is none that can be used. */
  async read(name: string, most: number): Promise<{ bytes: Buffer; key: Buffer } | undefined> {
    try {
      const key = await keptKey(this.#home);
      return { bytes: await readRegular(this.#pathOf(name), most), key };
    } catch {
      return undefined;
    }
  }

  /**
   * Begins to write, and goes on while others work. A folder that cannot be written makes the next opening slower.
   *
   * @param records one is made when the one before it is written
   */
  write(name: string, records: (key: Buffer) => AsyncIterable<Buffer>): void {
    const writing = this.#write(this.#pathOf(name), records)
      .catch(() => undefined)
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await Promise.all(this.#writing);
  }

  #pathOf(name: string): string {
    return join(this.#project, '.palate', 'cache', 'kept', name);
  }

  async #write(path: string, records: (key: Buffer) => AsyncIterable<Buffer>): Promise<void> {
    const key = await keptKey(this.#home);
    // Not a folder that was removed meanwhile.
    await stat(this.#project);
    await preparePalateFolder(this.#project);
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(dirname(path));
    await writeFileAtomically(path, records(key));
  }
}

const hour = 3_600_000;

/** What processes that were killed have left of files that they were writing. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.tmp')) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined && Date.now() - stats.mtimeMs > hour) await rm(path, { force: true });
  }
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
