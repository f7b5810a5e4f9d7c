import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { addsUp } from '../download/checksum.ts';
import { downloadFile } from '../download/download.ts';
import { UserError } from '../errors.ts';
import {
  askFile,
  askRepository,
  fileUrl,
  type HubAccess,
  type HubFile,
  type HubRepository,
  hubAccess,
  refusal,
  unreachable,
} from '../hub/client.ts';
import { type HubReference, mainRevision, referenceText } from '../hub/reference.ts';
import { type Selection, selectFiles, selectShards } from '../hub/select.ts';
import type { HubEnvironment } from '../hub/settings.ts';
import { shardNames } from '../hub/snapshot.ts';
import { describeHolder, type Lock, takeLock } from '../lock.ts';
import { palateHome } from '../paths.ts';
import {
  addRevision,
  commitLetters,
  type DownloadRecord,
  downloadFolder,
  partSuffix,
  recordName,
} from './downloaded.ts';

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Bytes of all files together. */
  progress(done: number, total: number): void;
  /** Throws where no GGUF file of the architecture can be used; asked where the hub says it. */
  accept?(architecture: string): void;
  /** Holds what has come so far against what Palate can use, before the weights are downloaded, and at the end. */
  check(path: string, what: 'configuration' | 'model'): void | Promise<void>;
  /** The person's folder of Palate; default palateHome(). */
  readonly home?: string;
  readonly env?: HubEnvironment;
}

/** Left free beside what is downloaded. */
const spareBytes = 64 << 20;

/**
 * Downloads a model of the hub into the person's folder, whole or not at all. What an earlier try has left is gone on
 * with.
 *
 * @returns the GGUF file or folder
 * @throws UserError saying why the hub refuses, what is wrong with the model, or that the disk is too small; the
 * signal's reason
 */
export async function downloadModel(reference: HubReference, options: DownloadOptions): Promise<string> {
  const { signal, home = palateHome(), env = process.env } = options;
  const access = hubAccess(env);
  const repository = await askRepository(access, reference, signal);
  const selection = selectFiles(reference, repository);
  const { gguf } = selection;
  if (gguf !== undefined && repository.architecture !== undefined) options.accept?.(repository.architecture);
  const record = newRecord(reference, repository.commit, gguf);
  const place = downloadFolder(record, home);
  const path = gguf === undefined ? place : join(place, localName(gguf));
  if (existsSync(path)) {
    addRevision(place, record.revisions[0]);
    return path;
  }
  const lock = hold(place, reference);
  try {
    const progress = (done: number, total: number) => {
      lock.beat();
      options.progress(done, total);
    };
    const staging = adopt(place);
    const fetching: Fetching = {
      access,
      repository,
      record,
      staging,
      options: { ...options, progress },
      known: new Map(),
      total: 0,
      done: 0,
    };
    await fetchAll(fetching, reference, selection);
    removeOthers(fetching);
    await checkWhole(fetching, reference, gguf);
    signal.throwIfAborted();
    rmSync(place, { recursive: true, force: true });
    renameSync(staging, place);
    return path;
  } catch (error) {
    throw diskError(error, place);
  } finally {
    lock.release();
  }
}

function newRecord({ repository, revision = mainRevision }: HubReference, commit: string, gguf?: string): NewRecord {
  const file = gguf === undefined ? {} : { file: gguf };
  return { version: 1, repository, revisions: [revision], commit, ...file, begunAt: new Date().toISOString() };
}

/** Small files first: they may already show that the model cannot be used. */
async function fetchAll(fetching: Fetching, reference: HubReference, selection: Selection): Promise<void> {
  const { repository, staging, options } = fetching;
  const { gguf, files, index } = selection;
  const isSmall = ({ name }: HubFile) => !/\.(safetensors|gguf)$/i.test(name);
  await knowSizes(fetching, files);
  await requireSpace(fetching);
  for (const { name } of files.filter(isSmall)) await fetchFile(fetching, name);
  if (gguf === undefined) await options.check(staging, 'configuration');
  const names = index === undefined ? [] : (shardNames(join(staging, index)) ?? []);
  const shards = selectShards(reference, names, repository);
  await knowSizes(fetching, shards);
  await requireSpace(fetching);
  for (const { name } of [...files.filter((file) => !isSmall(file)), ...shards]) await fetchFile(fetching, name);
}

type NewRecord = Omit<DownloadRecord, 'bytes'>;

interface Fetching {
  readonly access: HubAccess;
  readonly repository: HubRepository;
  readonly record: NewRecord;
  readonly staging: string;
  readonly options: DownloadOptions;
  /** Files with their sizes. */
  readonly known: Map<string, HubFile & { readonly bytes: number }>;
  /** Bytes of the known files, and of those that are whole. */
  total: number;
  done: number;
}

/** One process at a time, whatever the commit; the other is told which. */
function hold(place: string, reference: HubReference): Lock {
  const path = join(dirname(place), `download${selectionOf(place)}.lock`);
  const taken = takeLock(path, { subject: referenceText(reference) });
  if ('lock' in taken) return taken.lock;
  throw new UserError(
    `${referenceText(reference)} is being downloaded already (${describeHolder(path, taken.holder)}): wait for it, or stop it there.`,
  );
}

/** The folder in which it is put together; what was begun of another commit is taken over, its files are checked. */
function adopt(place: string): string {
  const staging = place + partSuffix;
  if (existsSync(staging)) return staging;
  const suffix = selectionOf(place) + partSuffix;
  const left = readdirSync(dirname(place)).find((name) => /^[0-9a-f]{12}/.test(name) && name.slice(12) === suffix);
  if (left === undefined) mkdirSync(staging, { recursive: true });
  else renameSync(join(dirname(place), left), staging);
  return staging;
}

/** What a folder's name says after the commit: nothing, or the GGUF file. */
const selectionOf = (place: string) => basename(place).slice(commitLetters);

async function knowSizes(fetching: Fetching, files: readonly HubFile[]): Promise<void> {
  const { access, repository, known, options } = fetching;
  for (const listed of files) {
    const complete = listed.bytes !== undefined && listed.sum !== undefined;
    const file = complete ? listed : { ...listed, ...(await askFile(access, repository, listed.name, options.signal)) };
    if (known.has(file.name)) continue;
    if (file.bytes === undefined || file.sum === undefined) {
      throw new UserError(
        `${access.endpoint} says no size or no checksum of ${repository.repository}, ${JSON.stringify(file.name)}: nothing that cannot be checked is downloaded.`,
      );
    }
    known.set(file.name, { ...file, bytes: file.bytes });
    fetching.total += file.bytes;
  }
}

/** What is to come must fit; the record says how much the whole is. */
async function requireSpace({ staging, known, total, repository, record }: Fetching): Promise<void> {
  writeFileSync(join(staging, recordName), `${JSON.stringify({ ...record, bytes: total }, null, 2)}\n`);
  const there = readdirSync(staging).map((name) => statSync(join(staging, name), { throwIfNoEntry: false })?.size ?? 0);
  const missing = total - there.reduce((sum, bytes) => sum + bytes, 0);
  const { bavail, bsize } = await statfs(staging);
  const free = bavail * bsize;
  if (missing + spareBytes <= free || known.size === 0) return;
  throw new UserError(
    `${repository.repository} needs ${size(missing)} more in ${dirname(staging)}, and ${size(free)} are free: free some, or name another folder with the environment variable PALATE_HOME.`,
  );
}

async function fetchFile(fetching: Fetching, name: string): Promise<void> {
  const { access, repository, staging, options, known, total } = fetching;
  const { signal } = options;
  const { bytes, sum } = known.get(name) ?? {};
  const file = join(staging, localName(name));
  if (existsSync(file)) {
    const isWhole = statSync(file).size === bytes && (sum === undefined || (await addsUp(file, sum, signal)));
    if (!isWhole) rmSync(file);
  }
  const before = fetching.done;
  const report = (done: number) => options.progress(before + done, total);
  await downloadFile(
    {
      url: fileUrl(access, repository, name),
      file,
      bytes,
      sum,
      secret: access.token,
      unreachable,
      refusal: (response) => refusal(access, repository, response, name),
    },
    { signal, progress: report },
  );
  fetching.done = before + (bytes ?? 0);
  options.progress(fetching.done, total);
}

/** What another commit had and this one has not must not become part of the model. */
function removeOthers({ staging, known }: Fetching): void {
  const own = new Set([recordName, ...[...known.keys()].map(localName)]);
  for (const name of readdirSync(staging)) {
    if (!own.has(name)) rmSync(join(staging, name), { recursive: true, force: true });
  }
}

async function checkWhole({ staging, options }: Fetching, reference: HubReference, gguf?: string): Promise<void> {
  try {
    await options.check(gguf === undefined ? staging : join(staging, localName(gguf)), 'model');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const name = referenceText(reference);
    throw new UserError(`${error.message} \`palate model remove ${name}\` deletes what has come of it.`, {
      cause: error,
    });
  }
}

const localName = (name: string) => name.split('/').at(-1) ?? name;

/** "853 MB" */
function size(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function diskError(error: unknown, folder: string): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const advice = 'or name another folder with the environment variable PALATE_HOME';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new UserError(
      `The disk of ${dirname(folder)} is full: free some, ${advice}. What was downloaded is kept for the next try.`,
      { cause: error },
    );
  }
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'].includes(code)) return error;
  return new UserError(`${message}: make ${dirname(folder)} writable, ${advice}.`, { cause: error });
}
