import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { UserError } from '../errors.ts';
import { palateHome } from '../paths.ts';
import { layOut } from './binding.ts';
import { checkNative, type NativeCheck } from './check.ts';
import { download } from './download.ts';
import {
  installedNatives,
  type Native,
  type NativeRecord,
  nativeHome,
  nativeOf,
  readNative,
  recordName,
  recordOf,
  tfjsNodePackage,
  versionsName,
} from './home.ts';
import { newStaging, removeLeftovers } from './leftovers.ts';
import { libtensorflowUrl } from './published.ts';
import type { SetupStage, Source, Work } from './source.ts';
import { openSource } from './sources.ts';

export interface SetupOptions extends Work {
  /** A libtensorflow that the person has; default: what tfjs-node would download. */
  readonly from?: string;
  /** The person's folder of Palate; default palateHome(). */
  readonly home?: string;
  /** The compiler (CXX, PATH) and the download's address; default the process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** The program that checks a binding; default the built one. */
  readonly checkEntry?: string;
}

export interface SetupResult {
  /** 'present': it was there, and works. */
  readonly status: 'installed' | 'present';
  readonly native: Native;
  readonly check: NativeCheck;
}

/**
 * Gives tfjs-node its native part, for this person: unpacks libtensorflow, gets or compiles the binding, checks that it
 * computes, and puts it in its place whole or not at all. What is there already is only checked.
 *
 * @throws UserError saying in one sentence what is missing and what to do; the signal's reason
 */
export async function setUpTensorflow(options: SetupOptions): Promise<SetupResult> {
  const { from, home = palateHome() } = options;
  const folder = nativeHome(home);
  try {
    removeLeftovers(folder);
    if (from === undefined) {
      const [native] = installedNatives(home);
      return (native && (await stillWorks(native, options))) ?? (await installPublished(folder, options));
    }
    const source = await openSource(from);
    try {
      const native = sameInstalled(source, home);
      return (native && (await stillWorks(native, options))) ?? (await install(source, folder, options));
    } finally {
      source.close();
    }
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** Checks what is installed and changes nothing. Throws a UserError where there is nothing, or it does not work. */
export async function checkInstalled(options: SetupOptions): Promise<SetupResult> {
  const { home = palateHome() } = options;
  const [native] = installedNatives(home);
  if (native) return { status: 'present', native, check: await check(native, options, 'present') };
  throw new UserError(
    `No native TensorFlow is installed in ${nativeHome(home)}: run \`npm run setup:tensorflow\` (in the editor: Palate: Set Up TensorFlow Engine) to get it.`,
  );
}

async function stillWorks(native: Native, options: SetupOptions): Promise<SetupResult | undefined> {
  try {
    const result = await check(native, options, 'present');
    // Of several the one that was asked for last is used.
    const { gpu: _before, ...same } = native;
    const present = { ...same, ...gpuOf(result), installedAt: new Date().toISOString() };
    writeRecord(native.folder, recordOf(present));
    return { status: 'present', native: present, check: result };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    options.say(`${error.message} It is installed again.`);
    return undefined;
  }
}

function check(
  { binding, cudaFolders: libraryFolders }: Pick<Native, 'binding' | 'cudaFolders'>,
  options: SetupOptions,
  stage: SetupStage,
): Promise<NativeCheck> {
  const { progress, signal, checkEntry: entry } = options;
  progress(stage, 0, 0);
  return checkNative(binding, { signal, entry, libraryFolders });
}

/** What is installed from the same libraries, with CUDA's where the source has them now. */
function sameInstalled(source: Source, home: string): Native | undefined {
  const native = installedNatives(home).find((candidate) => holdsSame(candidate, source));
  return native && withCuda(native, source.cudaFolders);
}

const withCuda = <Installed extends object>(installed: Installed, folders: readonly string[] = []) =>
  folders.length > 0 ? { ...installed, cudaFolders: folders } : installed;

const gpuOf = ({ gpu }: NativeCheck) => (gpu ? { gpu } : {});

/** A library of the same name and the same size to the byte is taken for the same. */
function holdsSame(native: Native, source: Source): boolean {
  const files = Object.entries(native.files);
  const sizes = new Map(files.map(([path, bytes]) => [path.slice(path.lastIndexOf('/') + 1), bytes]));
  return source.libraries !== undefined && [...source.libraries].every(([name, bytes]) => sizes.get(name) === bytes);
}

/** From tfjs-node's own download. */
async function installPublished(folder: string, options: SetupOptions): Promise<SetupResult> {
  const archive = await download(libtensorflowUrl(options.env), join(folder, 'downloads'), options);
  const discard = (error: unknown): never => {
    // What is broken must not be taken for whole the next time.
    if (error instanceof UserError) rmSync(archive, { force: true });
    throw error;
  };
  const source = await openSource(archive).catch(discard);
  try {
    const guarded: Source = { ...source, unpack: (target, work) => source.unpack(target, work).catch(discard) };
    const result = await install(guarded, folder, options);
    rmSync(archive, { force: true });
    return result;
  } finally {
    source.close();
  }
}

async function install(source: Source, folder: string, options: SetupOptions): Promise<SetupResult> {
  const began = new Date().toISOString();
  const staging = newStaging(folder);
  try {
    const whole = join(staging, 'native');
    const scratch = join(staging, 'scratch');
    const mayBePublished = options.from === undefined;
    const binding = await layOut(source, { ...options, whole, scratch, home: folder, mayBePublished });
    const result = await check({ binding, cudaFolders: source.cudaFolders }, options, 'check');
    const { version: tfjsNode } = tfjsNodePackage();
    const record: NativeRecord = {
      version: 1,
      tfjsNode,
      libtensorflow: result.libtensorflow,
      binding: relative(whole, binding).replaceAll('\\', '/'),
      files: sizesBelow(whole),
      installedAt: new Date().toISOString(),
      ...withCuda({}, source.cudaFolders),
      ...gpuOf(result),
    };
    writeRecord(whole, record);
    await flush(whole);
    options.signal.throwIfAborted();
    const place = join(folder, versionsName(tfjsNode, result.libtensorflow));
    const other = readNative(place);
    // Another set-up was faster, and its libraries may be in use already.
    if (other && other.installedAt > began) return { status: 'installed', native: other, check: result };
    putInPlace(whole, place, join(staging, 'replaced'));
    return { status: 'installed', native: nativeOf(place, record), check: result };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function sizesBelow(folder: string): Record<string, number> {
  const files = filesBelow(folder).map((path) => [relative(folder, path).replaceAll('\\', '/'), statSync(path).size]);
  return Object.fromEntries(files);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function writeRecord(folder: string, record: NativeRecord): void {
  const temporary = join(folder, `${recordName}.${process.pid}.tmp`);
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, join(folder, recordName));
}

/** To the disk, so that a power failure after the rename finds whole files. */
async function flush(folder: string): Promise<void> {
  for (const path of filesBelow(folder)) {
    const handle = await open(path, 'r+');
    await handle.sync().finally(() => handle.close());
  }
}

/** Whoever looks sees the old one, none, or the new one. Another set-up may do the same at the same time. */
function putInPlace(whole: string, place: string, aside: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      renameSync(whole, place);
      return;
    } catch (error) {
      const occupied = ['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!occupied || attempt === 5) throw error;
    }
    try {
      renameSync(place, `${aside}${attempt}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function diskError(error: unknown, folder: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') {
    return new UserError(
      `The disk of ${folder} is full: free about 2 GB there, or name another folder with the environment variable PALATE_HOME.`,
      { cause: error },
    );
  }
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'].includes(code)) return error;
  return new UserError(
    `${(error as Error).message}: make ${folder} writable, or name another folder with the environment variable PALATE_HOME.`,
    { cause: error },
  );
}
