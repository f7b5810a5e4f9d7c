import { copyFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { onnxruntimeLibraries, onnxruntimePackage } from '../devices/onnxruntime.ts';
import { downloadFile } from '../download/download.ts';
import { UserError } from '../errors.ts';
import { palateHome } from '../paths.ts';
import type { CudaOffer, CudaStage } from '../protocol/setup.ts';
import { newStaging, removeLeftovers } from '../tensorflow/leftovers.ts';
import {
  cudaFolder,
  cudaHome,
  cudaProblem,
  cudaRecord,
  type InstalledCuda,
  installedCuda,
  ownLibrary,
  providerFiles,
} from './home.ts';
import { findPublished, folderInPackage, type PublishedCuda } from './published.ts';
import { unpackFiles } from './unpack.ts';

export interface CudaWork {
  readonly signal: AbortSignal;
  /** Bytes; `total` is 0 while it is not known. */
  progress(stage: CudaStage, done: number, total: number): void;
}

/** What can be downloaded, and where it goes. */
export interface OfferedCuda extends PublishedCuda {
  readonly folder: string;
}

/**
 * Asks what there is to download, and downloads nothing.
 *
 * @throws UserError where this platform has none, or the feed does not answer; the signal's reason
 */
export async function offerCuda(signal: AbortSignal, home = palateHome()): Promise<OfferedCuda> {
  const problem = cudaProblem();
  if (problem !== undefined) throw new UserError(problem);
  return { ...(await findPublished(onnxruntimePackage().version, { signal })), folder: cudaFolder(home) };
}

/** The same for a person. */
export function offerOf({ version, url, bytes, folder }: OfferedCuda): CudaOffer {
  return { version, host: new URL(url).host, bytes, folder };
}

/** The archive, what comes out of it, and a copy of onnxruntime itself: all at once at the end. */
const timesOfDownload = 3;

/**
 * Downloads onnxruntime's CUDA provider for this person and lays it beside a copy of onnxruntime's library: whole or not
 * at all. The extension's own folder stays as it is, because an update replaces it.
 *
 * @throws UserError where the disk is too full, or what came is not what was offered; the signal's reason
 */
export async function installCuda(offer: OfferedCuda, work: CudaWork, home = palateHome()): Promise<InstalledCuda> {
  const folder = cudaHome(home);
  removeLeftovers(folder);
  await checkDisk(folder, offer.bytes);
  const archive = join(folder, 'downloads', posix.basename(new URL(offer.url).pathname));
  const { signal, progress } = work;
  await downloadFile(
    {
      ...offer,
      file: archive,
      unreachable: ' and run the same command again, it goes on where it stopped',
      refusal: ({ status, statusText }) =>
        new UserError(`${offer.url} answered ${status} ${statusText}: try again later.`),
    },
    { signal, progress: (done, total) => progress('download', done, total) },
  );
  const staging = newStaging(folder);
  try {
    await layOut(archive, staging, work);
    signal.throwIfAborted();
    putInPlace(staging, offer.folder);
  } catch (error) {
    // What is broken must not be taken for whole the next time.
    if (error instanceof UserError) rmSync(archive, { force: true });
    throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  rmSync(archive, { force: true });
  const installed = installedCuda(home);
  if (installed === undefined) throw new Error(`What was installed in ${offer.folder} is not whole.`);
  return installed;
}

async function layOut(archive: string, staging: string, { signal, progress }: CudaWork): Promise<void> {
  await unpackFiles(
    archive,
    { within: folderInPackage, names: providerFiles, target: staging },
    { signal, progress: (done, total) => progress('unpack', done, total) },
  );
  copyFileSync(join(onnxruntimeLibraries(), ownLibrary), join(staging, ownLibrary));
  const files = [ownLibrary, ...providerFiles].map((name) => [name, statSync(join(staging, name)).size]);
  const record = { version: 1, onnxruntime: onnxruntimePackage().version, files: Object.fromEntries(files) };
  writeFileSync(join(staging, cudaRecord), `${JSON.stringify(record, null, 2)}\n`);
}

/** What lay there was broken, or another installation was faster: the newer one stays. */
function putInPlace(staging: string, place: string): void {
  rmSync(place, { recursive: true, force: true });
  renameSync(staging, place);
}

async function checkDisk(folder: string, bytes: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const [needed, free] = [timesOfDownload * bytes, bavail * bsize];
  if (free >= needed) return;
  const gigabytes = (amount: number) => `${(amount / 1e9).toFixed(1)} GB`;
  throw new UserError(
    `${folder} has ${gigabytes(free)} free, and about ${gigabytes(needed)} are needed: free some, or name another folder with the environment variable PALATE_HOME.`,
  );
}
