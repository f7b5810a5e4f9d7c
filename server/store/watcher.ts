import { type FSWatcher, type Stats, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statFiles } from './content.ts';

export type Changed = 'feedback' | 'content' | 'config';

export interface WatchOptions {
  /** What belongs to what: folders relative to the project with the files in them that count. */
  places(): readonly { readonly what: Changed; readonly folder: string; readonly files: RegExp }[];
  changed(what: Changed): void;
  /** Least milliseconds between two calls of `changed` about one thing; 200. */
  readonly pause?: number;
  /** Milliseconds between two looks without any hint from the system; 5000, and 1000 where it gives none. */
  readonly look?: number;
}

interface Watched {
  readonly watcher: FSWatcher;
  readonly inode: number;
}

/**
 * Tells what changed in a project's folders, whoever changed it. The system's own notices are hints only: what counts is
 * the files' size and time, looked at after a hint and every few seconds, so that folders that git takes away and brings
 * back, and disks without notices, are followed too.
 */
export class ProjectWatcher {
  readonly #folder: string;
  readonly #options: WatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #known = new Map<Changed, string>();
  /** When `changed` was last called. */
  #told = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #looking = false;
  #hinted = false;
  #closed = false;
  #blind = false;

  constructor(folder: string, options: WatchOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Resolves when what is there now is known: every later change is told. */
  async start(): Promise<void> {
    await this.#look();
  }

  /** Something may have changed: it is looked at soon. */
  hint(): void {
    if (this.#looking) this.#hinted = true;
    else this.#schedule(Math.max(20, this.#told + (this.#options.pause ?? 200) - performance.now()));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #schedule(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (this.#closed || at >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#look().catch(() => undefined);
    }, milliseconds);
    // A watch alone keeps no process alive.
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#hinted = false;
    try {
      const found = new Map<Changed, string>();
      this.#blind = !(await this.#arm(''));
      for (const { what, folder, files } of this.#options.places()) {
        if (folder !== '' && !(await this.#arm(folder))) this.#blind = true;
        found.set(what, `${found.get(what) ?? ''}${await signatureOf(join(this.#folder, folder), files)}\n`);
      }
      if (this.#closed) return;
      for (const [what, signature] of found) {
        const before = this.#known.get(what);
        this.#known.set(what, signature);
        if (before === undefined || before === signature) continue;
        this.#told = performance.now();
        this.#options.changed(what);
      }
    } finally {
      this.#looking = false;
      if (this.#hinted) this.hint();
      this.#schedule(this.#options.look ?? (this.#blind ? 1000 : 5000));
    }
  }

  /** Asks the system for notices about a folder, again where it is another one than before. False: it gives none. */
  async #arm(folder: string): Promise<boolean> {
    const path = join(this.#folder, folder);
    const status: Stats | undefined = await stat(path).catch(() => undefined);
    const watched = this.#watched.get(folder);
    if (watched?.inode === status?.ino) return true;
    watched?.watcher.close();
    this.#watched.delete(folder);
    // The folder above tells when it comes.
    if (status === undefined || this.#closed) return true;
    try {
      const watcher = watch(path, { persistent: false }, () => this.hint());
      watcher.on('error', () => {
        watcher.close();
        this.#watched.delete(folder);
      });
      this.#watched.set(folder, { watcher, inode: status.ino });
      return true;
    } catch {
      return false;
    }
  }
}

async function signatureOf(folder: string, files: RegExp): Promise<string> {
  const found = await statFiles(folder, files).catch(() => new Map<string, Stats>());
  return [...found]
    .map(([name, { ino, size, mtimeMs, ctimeMs }]) => `${name}:${ino}:${size}:${mtimeMs}:${ctimeMs}`)
    .join('|');
}
