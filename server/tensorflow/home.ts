import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { UserError } from '../errors.ts';
import { palateHome } from '../paths.ts';

/** The native part of @tensorflow/tfjs-node as it is installed: libtensorflow and the binding to Node. */
export interface Native {
  /** The folder that holds all of it. */
  readonly folder: string;
  /** The path of tfjs_binding.node. */
  readonly binding: string;
  /** Versions of tfjs-node and of libtensorflow: '4.22.0', '2.21.0'. */
  readonly tfjsNode: string;
  readonly libtensorflow: string;
  /** Bytes of every file, by its path within the folder. */
  readonly files: Readonly<Record<string, number>>;
  /** Folders of CUDA's libraries, elsewhere on the disk; absent: the system's loader knows where they are, or there are none. */
  readonly cudaFolders?: readonly string[];
  /** Whether TensorFlow saw a GPU when it was last set up. */
  readonly gpu?: boolean;
  /** ISO 8601. */
  readonly installedAt: string;
}

/** What installed.json holds; it is written last, so that a folder without it is no installation. */
export type NativeRecord = Omit<Native, 'folder' | 'binding'> & {
  readonly version: 1;
  /** The binding's path within the folder. */
  readonly binding: string;
};

/** The Node-API version that the binding is built for: the newest that tfjs-node 4.22 knows; Node 20 and newer have it. */
export const nodeApiVersion = 8;
export const recordName = 'installed.json';
export const bindingName = 'tfjs_binding.node';

/** `$PALATE_HOME/tensorflow`: a folder for each installed native part, and what was downloaded for the next one. */
export function nativeHome(home = palateHome()): string {
  return join(home, 'tensorflow');
}

/** Where the package @tensorflow/tfjs-node lies, with its C++ sources, and its version. */
export function tfjsNodePackage(): { readonly folder: string; readonly version: string } {
  const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json');
  return { folder: dirname(manifest), version: JSON.parse(readFileSync(manifest, 'utf8')).version };
}

/** 'linux-x64': what a binding and its libraries are built for. */
export function platformName(platform: string = process.platform, arch: string = process.arch): string {
  return `${platform}-${arch}`;
}

/** The folder's name says what must fit: 'tfjs-node-4.22.0-libtensorflow-2.21.0-napi-8-linux-x64'. */
export function versionsName(tfjsNode: string, libtensorflow: string): string {
  return `tfjs-node-${tfjsNode}-libtensorflow-${libtensorflow}-napi-${nodeApiVersion}-${platformName()}`;
}

/** The native part for this tfjs-node, platform and processor; of several the one that was set up last. */
export function findNative(home = palateHome()): Native | undefined {
  return installedNatives(home)[0];
}

/** The same; throws a UserError that names the command which sets it up, where it is not. */
export function requireNative(home = palateHome()): Native {
  const native = findNative(home);
  if (native !== undefined) return native;
  throw new UserError(
    'The TensorFlow engine has no native part on this machine: run `npm run setup:tensorflow` once (in the editor: Palate: Set Up TensorFlow Engine), or choose the engine onnx.',
  );
}

/** Every whole installation for this tfjs-node, platform and processor, the newest first. */
export function installedNatives(home = palateHome()): Native[] {
  const { version } = tfjsNodePackage();
  return foldersOf(nativeHome(home))
    .map((name) => readNative(join(nativeHome(home), name)))
    .filter((native) => native !== undefined)
    .filter(({ folder, libtensorflow }) => folder === join(nativeHome(home), versionsName(version, libtensorflow)))
    .sort((a, b) => b.installedAt.localeCompare(a.installedAt));
}

/** The installation in `folder`, or undefined where its record or a file is missing or has another size. */
export function readNative(folder: string): Native | undefined {
  try {
    const record: NativeRecord = JSON.parse(readFileSync(join(folder, recordName), 'utf8'));
    const whole = Object.entries(record.files).every(([name, bytes]) => statSync(join(folder, name)).size === bytes);
    if (record.version !== 1 || !whole) return undefined;
    return nativeOf(folder, record);
  } catch {
    // Whatever is wrong with it, it is no installation; setting up again replaces it.
    return undefined;
  }
}

/** The installation in `folder` as its record tells it. */
export function nativeOf(folder: string, { version: _, ...record }: NativeRecord): Native {
  return { ...record, folder, binding: join(folder, record.binding) };
}

/** What installed.json holds for an installation. */
export function recordOf({ folder, binding, ...rest }: Native): NativeRecord {
  return { version: 1, ...rest, binding: relative(folder, binding).replaceAll('\\', '/') };
}

function foldersOf(path: string): string[] {
  try {
    return readdirSync(path).filter((name) => name.startsWith('tfjs-node-'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
