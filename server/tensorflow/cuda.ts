import { existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

/**
 * The folders of CUDA's libraries that come with a Python package of TensorFlow: pip lays them beside it, in
 * site-packages/nvidia/<part>/lib. They are gigabytes, and stay where they are.
 *
 * @param path of the package's folder, or of the folder above
 */
export function cudaFolders(path: string): string[] {
  const above = [resolve(path), dirname(resolve(path))];
  return above
    .flatMap((folder) => namesIn(join(folder, 'nvidia')).map((part) => join(folder, 'nvidia', part, 'lib')))
    .filter(holdsLibraries);
}

/**
 * The environment for a process that loads libtensorflow: the system's loader reads it when a process starts, never
 * later. CUDA's libraries name each other without a path.
 */
export function loaderEnvironment(folders: readonly string[], env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const present = folders.filter((folder) => existsSync(folder));
  if (present.length === 0) return env;
  const name = process.platform === 'win32' ? 'PATH' : 'LD_LIBRARY_PATH';
  return { ...env, [name]: [...present, ...(env[name] ? [env[name]] : [])].join(delimiter) };
}

function holdsLibraries(folder: string): boolean {
  return namesIn(folder).some((name) => /\.so(\.\d+)*$|\.dll$/.test(name));
}

function namesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder).sort() : [];
}
