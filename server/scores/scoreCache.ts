import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ScoreCacheOptions {
  /** .palate/cache/scores of a project. */
  readonly folder: string;
  /** Most scores kept of one reward model; the oldest go first. Default 100,000. */
  readonly most?: number;
  /** Files of other reward models that are kept. Default 8. */
  readonly models?: number;
  /** Milliseconds from a new score to the disk. Default 1000. */
  readonly delay?: number;
  /** What went wrong with a file: the scores are kept in memory then. */
  readonly log?: (message: string) => void;
}

/** The scores of one reward model. */
export interface ScoreTable {
  readonly size: number;
  get(key: string): number | undefined;
  set(key: string, reward: number): void;
}

const version = 1;

/**
 * Rewards by contentKey, one file a reward model: IDENTITY.jsonl, a line {"v":1,"k":key,"r":reward}. It is a cache: a
 * line that can't be read is a score computed again, and a file that can't be written is said once.
 */
export class ScoreCache {
  readonly #options: Required<ScoreCacheOptions>;
  readonly #tables = new Map<string, Promise<Table>>();
  #complained = false;

  constructor(options: ScoreCacheOptions) {
    this.#options = { most: 100_000, models: 8, delay: 1000, log: () => {}, ...options };
  }

  /** Reads the file at the first call. */
  open(identity: string): Promise<ScoreTable> {
    let table = this.#tables.get(identity);
    if (table === undefined) {
      table = Table.open(join(this.#options.folder, `${identity}.jsonl`), this.#options, (error) =>
        this.#complain(error),
      );
      this.#tables.set(identity, table);
      void this.#forgetOthers(identity);
    }
    return table;
  }

  /** Writes what is not yet on the disk. */
  async close(): Promise<void> {
    for (const table of await Promise.all(this.#tables.values())) await table.flush();
  }

  /** The reward model before stays at hand, older ones are read again if they come back. */
  async #forgetOthers(identity: string): Promise<void> {
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > 2) {
      const table = this.#tables.get(oldest);
      this.#tables.delete(oldest);
      await (await table)?.flush();
    }
    await removeOldest(this.#options.folder, `${identity}.jsonl`, this.#options.models).catch(() => {});
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#options.log(`Scores are kept in memory only: ${(error as Error).message}`);
  }
}

class Table implements ScoreTable {
  readonly #path: string;
  readonly #options: Required<ScoreCacheOptions>;
  readonly #complain: (error: unknown) => void;
  readonly #scores = new Map<string, number>();
  #unwritten: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  static async open(path: string, options: Required<ScoreCacheOptions>, complain: (error: unknown) => void) {
    const table = new Table(path, options, complain);
    await table.#read().catch(complain);
    return table;
  }

  private constructor(path: string, options: Required<ScoreCacheOptions>, complain: (error: unknown) => void) {
    this.#path = path;
    this.#options = options;
    this.#complain = complain;
  }

  get size(): number {
    return this.#scores.size;
  }

  get(key: string): number | undefined {
    return this.#scores.get(key);
  }

  set(key: string, reward: number): void {
    if (this.#scores.get(key) === reward) return;
    this.#keep(key, reward);
    this.#unwritten.push(line(key, reward));
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.delay).unref();
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#unwritten;
    this.#unwritten = [];
    if (lines.length > 0) this.#writing = this.#writing.then(() => this.#append(lines)).catch(this.#complain);
    return this.#writing;
  }

  #keep(key: string, reward: number): void {
    // Deleted first, so that it becomes the newest.
    this.#scores.delete(key);
    this.#scores.set(key, reward);
    if (this.#scores.size <= this.#options.most) return;
    const [oldest] = this.#scores.keys();
    this.#scores.delete(oldest);
  }

  /** In pieces, so that the server answers between two of them. */
  async #read(): Promise<void> {
    const status = await stat(this.#path).catch(() => undefined);
    if (status === undefined) return;
    let [rest, lines] = ['', 0];
    for await (const piece of createReadStream(this.#path, { encoding: 'utf8', highWaterMark: 1 << 17 })) {
      const parts = (rest + piece).split('\n');
      rest = parts.pop() ?? '';
      // What is no line of ours may be endless.
      if (rest.length > 1000) rest = '';
      lines += parts.length;
      for (const part of parts) this.#take(part);
    }
    this.#take(rest);
    // A torn last line must not swallow the next one.
    if (rest !== '') this.#unwritten.push('\n');
    if (lines > 2 * this.#options.most) await this.#rewrite();
  }

  #take(text: string): void {
    try {
      const { v, k, r } = JSON.parse(text) as { v?: unknown; k?: unknown; r?: unknown };
      if (v === version && typeof k === 'string' && typeof r === 'number') this.#keep(k, r);
    } catch {
      // A torn line, or somebody else's.
    }
  }

  async #append(lines: readonly string[]): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    await appendFile(this.#path, lines.join(''));
  }

  async #rewrite(): Promise<void> {
    const temporary = `${this.#path}.${process.pid}.tmp`;
    await writeFile(temporary, Array.from(this.#scores, ([key, reward]) => line(key, reward)).join(''));
    await rename(temporary, this.#path);
    this.#unwritten = [];
  }
}

const line = (key: string, reward: number) =>
  `{"v":${version},"k":${JSON.stringify(key)},"r":${JSON.stringify(reward)}}\n`;

async function removeOldest(folder: string, keep: string, most: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl') && name !== keep);
  if (names.length < most) return;
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })));
  dated.sort((a, b) => b.at - a.at);
  for (const { name } of dated.slice(most - 1)) await rm(join(folder, name), { force: true });
}
