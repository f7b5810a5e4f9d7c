import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type HubReference, isRevisionOf, mainRevision, repositoryFolder } from '../hub/reference.ts';
import { type FoundModel, severalSentence } from '../hub/snapshot.ts';
import { palateHome } from '../paths.ts';

/**
 * Models that were downloaded into the person's folder: models/hub/ORG--NAME/COMMIT is a Hugging Face folder,
 * COMMIT.FILE.gguf holds one GGUF file. Each is put together in a folder with `.part` at its end and then renamed, so it
 * is there whole or not at all.
 */

const record = v.object({
  version: v.literal(1),
  repository: v.string(),
  /** Names under which it was asked for. */
  revisions: v.array(v.string()),
  commit: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  /** Of the repository; absent: the folder is the model. */
  file: v.optional(v.string()),
  /** Of all files together. */
  bytes: v.number(),
  /** ISO 8601: when the download began. */
  begunAt: v.string(),
});
export type DownloadRecord = v.InferOutput<typeof record>;

export interface DownloadedModel {
  readonly record: DownloadRecord;
  readonly folder: string;
  /** The GGUF file, or the folder. */
  readonly path: string;
  /** Bytes that are there of one that is not whole. */
  readonly part?: number;
}

export const recordName = 'palate-download.json';
export const partSuffix = '.part';
/** How much of a commit stands in a folder's name. */
export const commitLetters = 12;

export function downloadsFolder(home = palateHome()): string {
  return join(home, 'models', 'hub');
}

/** The folder that a download becomes, without partSuffix. */
export function downloadFolder(
  { repository, commit, file }: Pick<DownloadRecord, 'repository' | 'commit' | 'file'>,
  home = palateHome(),
): string {
  const name = commit.slice(0, commitLetters) + (file === undefined ? '' : `.${file.replaceAll('/', '--')}`);
  return join(downloadsFolder(home), repositoryFolder(repository), name);
}

/** Where a downloaded model lies. Undefined: not there. */
export function findDownloaded(reference: HubReference, home = palateHome()): FoundModel | undefined {
  const { revision = mainRevision, file } = reference;
  const fitting = downloadsOf(reference.repository, home).filter(
    ({ record, part }) =>
      part === undefined && (record.revisions.includes(revision) || isRevisionOf(record.commit, revision)),
  );
  const asked = fitting.find(({ record }) => record.file === file);
  if (asked || file !== undefined) return asked && { path: asked.path };
  // A repository with one GGUF file is that file.
  const names = [...new Set(fitting.map(({ record }) => record.file ?? ''))];
  if (names.length > 1) return { path: fitting[0].folder, problem: severalSentence(reference, names) };
  return fitting.length === 0 ? undefined : { path: fitting[0].path };
}

/** Every download, the newest of a repository first, each under the shortest name that finds it; parts too. */
export function listDownloaded(home = palateHome()): (DownloadedModel & { readonly reference: HubReference })[] {
  return namesIn(downloadsFolder(home)).flatMap((folder) => {
    const repository = folder.replace('--', '/');
    const downloads = downloadsOf(repository, home);
    return downloads.map((download) => {
      const { revisions, commit, file } = download.record;
      const isNewest = (revision: string) =>
        download ===
        downloads.find(
          ({ record, part }) => record.file === file && part === download.part && record.revisions.includes(revision),
        );
      const shown = revisions.filter(isNewest).sort(mainFirst)[0] ?? commit.slice(0, commitLetters);
      const reference = {
        repository,
        ...(shown !== mainRevision && { revision: shown }),
        ...(file !== undefined && { file }),
      };
      return { ...download, reference };
    });
  });
}

const mainFirst = (a: string, b: string) => Number(b === mainRevision) - Number(a === mainRevision);

/** The same commit was asked for under another name. */
export function addRevision(folder: string, revision: string): void {
  const download = readDownload(folder);
  if (!download || download.record.revisions.includes(revision)) return;
  const revisions = [...download.record.revisions, revision];
  const temporary = join(folder, `${recordName}.${process.pid}.tmp`);
  writeFileSync(temporary, `${JSON.stringify({ ...download.record, revisions }, null, 2)}\n`);
  renameSync(temporary, join(folder, recordName));
}

/** Deletes a download. */
export function removeDownload({ folder, record }: DownloadedModel, home = palateHome()): void {
  rmSync(folder, { recursive: true, force: true });
  const above = join(downloadsFolder(home), repositoryFolder(record.repository));
  if (namesIn(above).length === 0) rmSync(above, { recursive: true, force: true });
}

/** Newest first. */
function downloadsOf(repository: string, home: string): DownloadedModel[] {
  const above = join(downloadsFolder(home), repositoryFolder(repository));
  return namesIn(above)
    .flatMap((name) => readDownload(join(above, name)) ?? [])
    .sort((a, b) => b.record.begunAt.localeCompare(a.record.begunAt));
}

function readDownload(folder: string): DownloadedModel | undefined {
  try {
    const parsed = v.safeParse(record, JSON.parse(readFileSync(join(folder, recordName), 'utf8')));
    if (!parsed.success) return undefined;
    const { file } = parsed.output;
    const path = file === undefined ? folder : join(folder, file.split('/').at(-1) ?? file);
    if (folder.endsWith(partSuffix)) return { record: parsed.output, folder, path, part: sizeOf(folder) };
    return existsSync(path) ? { record: parsed.output, folder, path } : undefined;
  } catch {
    // No record: not one of ours, or removed at this moment.
    return undefined;
  }
}

function sizeOf(folder: string): number {
  const sizes = namesIn(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
