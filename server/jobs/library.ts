import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { familyList, familyOf, isFamilyName } from '../engine/weights/families.ts';
import { readHuggingFaceConfig } from '../engine/weights/huggingface.ts';
import { availableMemory, gigabytes } from '../engine/weights/memory.ts';
import { UserError } from '../errors.ts';
import { listCache } from '../hub/cache.ts';
import { parseReference, referenceText } from '../hub/reference.ts';
import { forgetModel, listAdded, rememberModel } from '../library/added.ts';
import { downloadModel } from '../library/download.ts';
import { listDownloaded, removeDownload } from '../library/downloaded.ts';
import { embeddedFolder, embeddedModel, findLocal } from '../library/names.ts';
import type { LibraryModel } from '../protocol/types.ts';
import { modelDescription } from './modelDescription.ts';

/** The models that this person has: the embedded one, those added by path, those downloaded, those in the hub's cache. */

type Entry = Pick<LibraryModel, 'name' | 'source' | 'path' | 'problem'>;

/** All that are known, with what each is and whether it will load. */
export async function listLibrary(): Promise<readonly LibraryModel[]> {
  const entries = knownModels();
  const described: LibraryModel[] = [];
  // Each is read in a process of its own: a few at a time.
  for (let start = 0; start < entries.length; start += 4) {
    described.push(...(await Promise.all(entries.slice(start, start + 4).map(describe))));
  }
  return described;
}

/** What a name, a path or a model of the hub would be, without asking the hub. Undefined: it has to be downloaded. */
export type AddedNow = { readonly model: LibraryModel } | { readonly download: string };

/**
 * Adds what is on this machine: a path is checked and remembered, a model of the hub is found where it lies.
 *
 * @param asked a path, or a model of the hub
 * @param folder from which a path may lead; absent: a path is one from the root
 * @throws UserError where it is neither, or no model that Palate reads
 */
export async function addLocal(asked: string, folder?: string, name?: string): Promise<AddedNow> {
  const path = /^~(?=[/\\]|$)/.test(asked) ? join(homedir(), asked.slice(1)) : resolve(folder ?? '/', asked);
  if ((folder !== undefined || isAbsolute(asked)) && existsSync(path)) {
    await modelDescription(path);
    const added = rememberModel(path, name);
    return { model: await describe({ ...added, source: 'added' }) };
  }
  const reference = parseReference(asked);
  if (!reference) {
    const hint = isAbsolute(asked)
      ? ''
      : ', and a model of the hub is written org/name, org/name@revision or org/name:file.gguf';
    throw new UserError(`There is no ${path}${hint}.`);
  }
  if (name !== undefined) {
    throw new UserError(`${asked} is called so everywhere: a name is given to what is added by its path.`);
  }
  const found = findLocal(asked);
  if (found?.problem && !found.incomplete) throw new UserError(found.problem);
  const text = referenceText(reference);
  if (!found || found.incomplete) return { download: text };
  const known = knownModels().find((model) => model.path === found.path);
  await modelDescription(found.path);
  return { model: await describe({ source: 'cache', ...known, path: found.path, name: text }) };
}

/**
 * Downloads a model of the hub that is not on this machine. Stopped, it leaves what has come for the next time.
 *
 * @throws UserError, the signal's reason
 */
export async function download(
  text: string,
  { signal, progress }: { readonly signal: AbortSignal; progress(done: number, total: number): void },
): Promise<LibraryModel> {
  const reference = parseReference(text);
  if (!reference) throw new UserError(`${text} is no model of the hub: write org/name.`);
  const path = await downloadModel(reference, {
    signal,
    progress,
    accept(architecture) {
      if (isFamilyName(architecture)) return;
      throw new UserError(
        `${text} is of the architecture ${JSON.stringify(architecture)}; Palate reads models of the types ${familyList}.`,
      );
    },
    async check(place, what) {
      if (what === 'configuration') readHuggingFaceConfig(place);
      else await modelDescription(place);
    },
  });
  return describe({ name: text, source: 'downloaded', path });
}

/**
 * Deletes what was downloaded, forgets what was added.
 *
 * @returns a sentence about what was done
 * @throws UserError where there is no such model, or it is not Palate's to delete
 */
export function removeModel(name: string): string {
  const added = listAdded().find((model) => model.name === name);
  if (added) {
    forgetModel(added);
    return `${name} is forgotten; its files stay in ${added.path}.`;
  }
  const parsed = parseReference(name);
  const text = parsed ? referenceText(parsed) : name;
  const downloaded = listDownloaded().filter(({ reference }) => referenceText(reference) === text);
  for (const download of downloaded) removeDownload(download);
  if (downloaded.length > 0) return `${name} is deleted from ${downloaded[0].folder}.`;
  if (name === embeddedModel) throw new UserError('The embedded model belongs to Palate and stays.');
  const cached = listCache().find(({ reference }) => referenceText(reference) === text);
  if (cached) {
    throw new UserError(`${name} lies in the cache that the hub's other tools share: delete ${cached.path} with them.`);
  }
  throw new UserError(`There is no model ${JSON.stringify(name)}: \`palate model list\` shows what there is.`);
}

/** Where each lies; nothing large is read. */
function knownModels(): Entry[] {
  return [
    { name: embeddedModel, source: 'embedded', path: embeddedFolder() },
    ...listAdded().map((model): Entry => ({ ...model, source: 'added', ...goneProblem(model.path) })),
    ...listDownloaded().map(({ reference, path, part, record }): Entry => {
      const name = referenceText(reference);
      const problem = `Only ${gigabytes(part ?? 0)} of ${gigabytes(record.bytes)} were downloaded: add it again to go on.`;
      return { name, source: 'downloaded', path, ...(part !== undefined && { problem }) };
    }),
    ...listCache().map(({ reference, path, problem }): Entry => {
      return { name: referenceText(reference), source: 'cache', path, ...(problem && { problem }) };
    }),
  ];
}

function goneProblem(path: string): { readonly problem?: string } {
  return existsSync(path) ? {} : { problem: `${path} is gone: add it again from where it is now.` };
}

async function describe(entry: Entry): Promise<LibraryModel> {
  if (entry.problem) return entry;
  try {
    const { kind, config, parameters, fileBytes, float32Bytes } = await modelDescription(entry.path);
    const [needed, available] = [float32Bytes * 1.05, availableMemory()];
    const problem = `It needs about ${gigabytes(needed)} of memory, and ${gigabytes(available)} is available.`;
    return {
      ...entry,
      format: kind,
      family: familyOf(config),
      parameters,
      bytes: fileBytes,
      ...(needed > available && { problem }),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...entry, problem: error.message };
  }
}
