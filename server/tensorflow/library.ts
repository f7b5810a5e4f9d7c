import { posix } from 'node:path';

/** Which files of a libtensorflow the binding needs, by the names they have in its archives, wheels and folders. */

export const bindingPlatforms = ['linux', 'darwin', 'win32'] as const;
type Platform = (typeof bindingPlatforms)[number];

/** [1] the library, [2] its major version. */
const libraryPatterns: Readonly<Record<Platform, RegExp>> = {
  linux: /^(libtensorflow(?:_cc|_framework)?)\.so(?:\.(\d+)(?:\.\d+)*)?$/,
  darwin: /^(libtensorflow(?:_cc|_framework)?)(?:\.(\d+)(?:\.\d+)*)?\.dylib$/,
  win32: /^(tensorflow)\.dll$/,
};

/** The folders of libraries within an archive: the C distribution's lib/, the wheel's tensorflow/, or the top. */
const libraryFolders = ['.', 'lib', 'tensorflow'];

/** Of a wheel's 13,000 headers these: tensorflow/c, and what it includes in one release or another. */
const headerFolders = ['tensorflow/c/', 'tensorflow/core/platform/', 'tensorflow/tsl/', 'tsl/', 'xla/tsl/'];

/** Where a file of a libtensorflow belongs. */
export type Place =
  /** `name` is what the system's loader looks for: libtensorflow.so.2 for lib/libtensorflow.so.2.9.1. */
  | { readonly kind: 'library'; readonly name: string }
  /** `path` is below the include folder: tensorflow/c/c_api.h. */
  | { readonly kind: 'header'; readonly path: string };

/** Where the file at `path` (within an archive, with forward slashes) belongs, or undefined where it is not needed. */
export function placeOf(path: string, platform: string = process.platform): Place | undefined {
  const clean = posix.normalize(path);
  const header = /^(?:tensorflow\/)?include\/(.+\.h)$/.exec(clean)?.[1];
  if (header)
    return headerFolders.some((folder) => header.startsWith(folder)) ? { kind: 'header', path: header } : undefined;
  if (!libraryFolders.includes(posix.dirname(clean))) return undefined;
  const name = libraryName(posix.basename(clean), platform);
  return name === undefined ? undefined : { kind: 'library', name };
}

/** The name that the system's loader looks for, or undefined where the file is no part of libtensorflow. */
export function libraryName(file: string, platform: string = process.platform): string | undefined {
  const match = libraryPatterns[platform as Platform]?.exec(file);
  if (!match) return undefined;
  const [, stem, major = '2'] = match;
  if (platform === 'linux') return `${stem}.so.${major}`;
  return platform === 'darwin' ? `${stem}.${major}.dylib` : file;
}

/** The systems for which these files are: ['darwin'] for libtensorflow.2.dylib. */
export function systemsOf(paths: readonly string[]): string[] {
  return bindingPlatforms.filter((platform) => paths.some((path) => placeOf(path, platform)?.kind === 'library'));
}

/**
 * The libraries to link with, of those that are there: the C library, else the one of the Python package; each stands on
 * the framework library (not on Windows). Undefined where one is missing.
 */
export function linkedLibraries(names: readonly string[], platform: string = process.platform): string[] | undefined {
  const find = (stem: string) => names.find((name) => name.split('.')[0] === stem);
  if (platform === 'win32') return find('tensorflow') === undefined ? undefined : ['tensorflow.dll'];
  const main = find('libtensorflow') ?? find('libtensorflow_cc');
  const framework = find('libtensorflow_framework');
  return main === undefined || framework === undefined ? undefined : [main, framework];
}

/** 'linux-x64' for a library's first bytes (at least 4 KiB of them), or undefined where they are no library's. */
export function builtFor(head: Uint8Array): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.byteLength < 64) return undefined;
  const magic = view.getUint32(0);
  // ELF, 64 bits, little-endian: e_machine
  if (magic === 0x7f454c46) return named('linux', { 62: 'x64', 183: 'arm64' }, view.getUint16(18, true));
  // Mach-O, 64 bits: cputype
  const macProcessors = { 16777223: 'x64', 16777228: 'arm64' };
  if (magic === 0xcffaedfe) return named('darwin', macProcessors, view.getUint32(4, true));
  // Mach-O for several processors
  if (magic === 0xcafebabe) return 'darwin-universal';
  // PE: Machine, after the signature to which offset 0x3c points
  const signature = view.getUint32(0x3c, true);
  if (magic >>> 16 !== 0x4d5a || signature + 6 > head.byteLength) return undefined;
  return named('win32', { 34404: 'x64', 43620: 'arm64' }, view.getUint16(signature + 4, true));
}

function named(system: string, processors: Readonly<Record<number, string>>, processor: number): string {
  return `${system}-${processors[processor] ?? `processor 0x${processor.toString(16)}`}`;
}
