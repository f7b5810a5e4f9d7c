import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { cudaFolders } from './cuda.ts';
import { libraryName } from './library.ts';
import { tally } from './meter.ts';
import { headBytes, requireHeaders, requireLibraries, requirePlatform, type Source } from './source.ts';
import { writeVerified } from './verified.ts';

const eagerHeader = 'tensorflow/c/eager/c_api.h';

export interface FolderOptions {
  /** What sentences call it; default the path. */
  readonly label?: string;
  /** Moves the libraries out instead of copying them: the folder is a temporary one on the same disk. */
  readonly isTemporary?: boolean;
}

/**
 * A libtensorflow in a folder: the C distribution as it unpacks, the Python package, or the folder above that one.
 * Links are followed: the folder is the person's own.
 *
 * @throws UserError where it is none, or none for this platform
 */
export function folderSource(folder: string, { label: path = folder, isTemporary }: FolderOptions = {}): Source {
  const found = librariesOf(folder);
  const linked = requireLibraries(path, [...found.keys()], everyName(folder));
  for (const name of linked) requirePlatform(path, name, headOf(found.get(name)!));
  const include = ['include', join('tensorflow', 'include')]
    .map((name) => join(folder, name))
    .find((headers) => existsSync(join(headers, eagerHeader)));
  // On Windows the binding comes compiled, and the C distribution's archive lacks this header.
  if (process.platform !== 'win32') requireHeaders(path, include ? [eagerHeader] : []);
  const libraries = new Map(linked.map((name) => [name, statSync(found.get(name)!).size]));
  return {
    path,
    libraries,
    cudaFolders: cudaFolders(folder),
    async unpack(target, { signal, progress }) {
      const total = [...libraries.values()].reduce((sum, bytes) => sum + bytes, 0);
      const onBytes = tally((done) => progress('unpack', done, total));
      for (const [name, bytes] of libraries) {
        const file = found.get(name)!;
        if (isTemporary) {
          renameSync(file, join(target.libraries, name));
          continue;
        }
        await writeVerified(
          createReadStream(file),
          join(target.libraries, name),
          { bytes },
          { what: file, signal, onBytes },
        );
      }
      return include ?? folder;
    },
    close() {},
  };
}

/** Loader's name → path, of what is a file (or a link to one). */
function librariesOf(path: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of [path, join(path, 'lib'), join(path, 'tensorflow')]) {
    for (const file of namesIn(folder)) {
      const name = libraryName(file);
      const full = join(folder, file);
      if (name === undefined || found.has(name)) continue;
      if (statSync(full, { throwIfNoEntry: false })?.isFile()) found.set(name, full);
    }
  }
  return found;
}

const everyName = (path: string): string[] => [
  ...namesIn(path),
  ...namesIn(join(path, 'lib')),
  ...namesIn(join(path, 'tensorflow')),
];

function namesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder).sort() : [];
}

export function headOf(file: string): Uint8Array {
  const handle = openSync(file, 'r');
  try {
    const head = Buffer.alloc(headBytes);
    return head.subarray(0, readSync(handle, head, 0, headBytes, 0));
  } finally {
    closeSync(handle);
  }
}
