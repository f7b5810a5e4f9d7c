import { createRequire, Module } from 'node:module';
import { UserError } from '../../errors.ts';
import { requireNative, tfjsNodePackage } from '../../tensorflow/home.ts';

type TensorFlow = typeof import('@tensorflow/tfjs-node');

let loaded: TensorFlow | undefined;

/**
 * TensorFlow.js on libtensorflow, its backend 'tensorflow' ready. The native part is loaded once in a process.
 *
 * @param binding the path of tfjs_binding.node; default the one that is set up
 * @throws UserError where no native part is set up, or it does not load
 */
export function loadNative(binding = requireNative().binding): TensorFlow {
  if (loaded) return loaded;
  restoreUtil();
  // The runtime's hints on its own compilation; warnings and errors stay.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  loaded = requireWithBinding(binding);
  return loaded;
}

/** Whether TensorFlow found a GPU when it started: its tensors live there then. */
export function usesGpu(tf: TensorFlow): boolean {
  return (tf.backend() as unknown as { readonly isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}

/**
 * tfjs-node asks @mapbox/node-pre-gyp where its binding is, which knows only places inside the package. A stand-in
 * answers while it loads; the real one, which an installer would need, is never loaded and stays what it is.
 */
function requireWithBinding(binding: string): TensorFlow {
  const { folder } = tfjsNodePackage();
  const require = createRequire(`${folder}/package.json`);
  const path = require.resolve('@mapbox/node-pre-gyp');
  const before = require.cache[path];
  const standIn = new Module(path);
  standIn.filename = path;
  standIn.loaded = true;
  standIn.exports = { find: () => binding };
  require.cache[path] = standIn as NodeJS.Module;
  try {
    return require(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED') throw error;
    throw new UserError(
      `TensorFlow's native part does not load (${(error as Error).message}): run \`npm run setup:tensorflow\` (in the editor: Palate: Set Up TensorFlow Engine), which checks it and installs it again.`,
      { cause: error },
    );
  } finally {
    if (before) require.cache[path] = before;
    else delete require.cache[path];
  }
}

/** What tfjs-node calls of Node's util is deprecated: isNullOrUndefined is gone from Node 23 on, isArray warns. */
function restoreUtil(): void {
  const util = createRequire(import.meta.url)('node:util');
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}
