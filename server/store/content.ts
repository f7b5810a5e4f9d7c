import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Modality, Prompt, Response } from '../protocol/types.ts';
import { type ContentFile, PromptFile, ResponseFile } from './contentFile.ts';
import { PromptIds } from './contentIds.ts';
import { isAbsent, reasonOf } from './fileErrors.ts';
import { type Gold, GoldFile, goldFolder, goldOf, noGold } from './gold.ts';
import { ImageFiles } from './images.ts';
import type { KeptFiles } from './kept/keptFiles.ts';
import { ScanCache } from './kept/scanCache.ts';
import { Pacer } from './pacer.ts';
import type { ScanKind } from './scan/scan.ts';
import { WrittenResponse } from './writtenResponse.ts';

export const promptsFolder = 'prompts';
export const responsesFolder = 'responses';

/** A prompt with all responses to it, in the order of the files' names and lines. */
export interface PromptContent {
  readonly prompt: Prompt;
  readonly file?: string;
  readonly line?: number;
  readonly responses: readonly Response[];
}

export interface KnownResponse {
  readonly response: Response;
  /** Place in `prompts`. */
  readonly prompt: number;
  readonly modality: Modality;
}

/** What is compared, as it stood at one moment. */
export interface ContentSnapshot {
  readonly prompts: readonly PromptContent[];
  /** By id. */
  readonly responses: ReadonlyMap<string, KnownResponse>;
  readonly gold: Gold;
  readonly problems: readonly string[];
}

export function modalityOf(response: Response): Modality {
  if (response instanceof WrittenResponse) return 'text';
  return response.parts.some(({ type }) => type === 'image') ? 'image' : 'text';
}

/** The files of prompts/ and responses/, followed as they change. */
export class ProjectContent {
  readonly #folder: string;
  readonly #images: ImageFiles;
  readonly #prompts = new Map<string, PromptFile>();
  readonly #responses = new Map<string, ResponseFile>();
  readonly #gold = new Map<string, GoldFile>();
  /** Of one refresh: what is not needed any more is not kept. */
  readonly #promptIds = new PromptIds();
  readonly #scans: ScanCache;
  #folderProblems: string[] = [];
  #picturesLookedAt = Number.NEGATIVE_INFINITY;
  #picturesTook = 0;
  snapshot: ContentSnapshot = { prompts: [], responses: new Map(), gold: noGold, problems: [] };

  constructor(folder: string, kept: KeptFiles) {
    this.#folder = folder;
    this.#scans = new ScanCache(kept);
    this.#images = new ImageFiles(folder);
  }

  /** Folders with pictures, relative. */
  get pictureFolders(): string[] {
    const folders = [...this.#responses.values()].flatMap(({ pictures }) =>
      pictures.map((path) => path.replace(/[^/]*$/, '')),
    );
    return [...new Set(folders)];
  }

  /**
   * Reads what changed. Pictures are looked at when their rows are new, when `pictures` asks for it, and else now and
   * then. True: there is another snapshot.
   */
  async refresh({ pictures = false } = {}): Promise<boolean> {
    const problems: string[] = [];
    const folders = [promptsFolder, responsesFolder, goldFolder];
    // At once: this is done before every answer.
    const found = await Promise.all(folders.map((name) => this.#filesOf(name, problems)));
    const prompts = await this.#refreshFiles(promptsFolder, found[0], this.#prompts, PromptFile);
    const responses = await this.#refreshFiles(responsesFolder, found[1], this.#responses, ResponseFile);
    const gold = await this.#refreshFiles(goldFolder, found[2], this.#gold, GoldFile);
    this.#promptIds.clear();
    const hashed = await this.#refreshPictures(pictures || responses);
    const other = problems.join('\n') !== this.#folderProblems.join('\n');
    this.#folderProblems = problems;
    if (!prompts && !responses && !gold && !hashed && !other) return false;
    this.snapshot = await this.#build();
    return true;
  }

  /** Whether the pictures of a response are still the ones that its id speaks of. */
  async picturesStand({ parts }: Response): Promise<boolean> {
    for (const part of parts) {
      if (part.type !== 'image') continue;
      const now = await this.#images.hashOf(part.path).catch(() => undefined);
      if (now !== part.sha256) return false;
    }
    return true;
  }

  async #filesOf(name: string, problems: string[]): Promise<Map<string, Stats>> {
    try {
      // NAME.scores.jsonl is what "Score File" writes beside NAME.jsonl.
      return await statFiles(join(this.#folder, name), /(?<!\.scores)\.(jsonl|ndjson)$/i);
    } catch (error) {
      problems.push(`Cannot read the folder ${name}: ${reasonOf(error)}.`);
      return new Map();
    }
  }

  async #refreshFiles<File extends ContentFile<unknown, ScanKind>>(
    name: string,
    found: ReadonlyMap<string, Stats>,
    files: Map<string, File>,
    Kind: new (path: string, name: string, promptIds: PromptIds, scans: ScanCache) => File,
  ): Promise<boolean> {
    let changed = false;
    for (const gone of [...files.keys()].filter((key) => !found.has(key))) {
      files.delete(gone);
      changed = true;
    }
    for (const [file, stats] of found) {
      let known = files.get(file);
      if (known === undefined) {
        known = new Kind(join(this.#folder, name, file), `${name}/${file}`, this.#promptIds, this.#scans);
        files.set(file, known);
      }
      if (await known.refresh(stats)) changed = true;
    }
    return changed;
  }

  async #refreshPictures(now: boolean): Promise<boolean> {
    const began = performance.now();
    // A thousand pictures take a while to look at: at most one fiftieth of the time is spent on it.
    if (!now && began - this.#picturesLookedAt < Math.max(2000, 50 * this.#picturesTook)) return false;
    let changed = false;
    for (const file of this.#responses.values()) {
      if (await file.resolvePictures(this.#images)) changed = true;
    }
    await this.#images.save();
    this.#picturesLookedAt = performance.now();
    this.#picturesTook = this.#picturesLookedAt - began;
    return changed;
  }

  async #build(): Promise<ContentSnapshot> {
    const pacer = new Pacer();
    const prompts: { prompt: Prompt; file?: string; line?: number; responses: Response[] }[] = [];
    const numbers = new Map<string, number>();
    const responses = new Map<string, KnownResponse>();
    for (const file of sorted(this.#prompts)) {
      await pacer.each(file.rows, (row) => {
        if (row === undefined || numbers.has(row.id)) return;
        numbers.set(row.id, prompts.length);
        prompts.push({ prompt: { id: row.id, content: row.content }, file: file.name, line: row.line, responses: [] });
      });
    }
    for (const file of sorted(this.#responses)) {
      await pacer.each(file.rows, (row) => {
        if (row === undefined || responses.has(row.response.id)) return;
        let number = numbers.get(row.promptId);
        if (number === undefined) {
          number = prompts.length;
          numbers.set(row.promptId, number);
          prompts.push({ prompt: { id: row.promptId, content: row.prompt }, responses: [] });
        }
        prompts[number].responses.push(row.response);
        responses.set(row.response.id, { response: row.response, prompt: number, modality: modalityOf(row.response) });
      });
    }
    const gold = sorted(this.#gold);
    const files = [...sorted(this.#prompts), ...sorted(this.#responses), ...gold];
    return {
      prompts,
      responses,
      gold: goldOf(gold),
      problems: [...this.#folderProblems, ...files.flatMap(({ problems }) => problems)],
    };
  }
}

function sorted<File>(files: ReadonlyMap<string, File>): File[] {
  return [...files.keys()].sort().map((name) => files.get(name) as File);
}

/** The files of a folder by name; an absent folder has none. */
export async function statFiles(folder: string, pattern: RegExp): Promise<Map<string, Stats>> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  const wanted = names.filter((name) => pattern.test(name) && !name.startsWith('.')).sort();
  const stats = await Promise.all(
    wanted.map((name) =>
      stat(join(folder, name)).catch((error: unknown) => {
        if (isAbsent(error)) return undefined;
        throw error;
      }),
    ),
  );
  return new Map(wanted.flatMap((name, k) => (stats[k] === undefined ? [] : [[name, stats[k]]])));
}
