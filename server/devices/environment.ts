import { installedCuda } from '../cuda/home.ts';
import { loaderEnvironment } from '../tensorflow/cuda.ts';
import { findNative } from '../tensorflow/home.ts';

/** What differs in `engineEnvironment` once CUDA's provider or libraries are installed: a process keeps what it began with. */
export function libraryPlaces(env: NodeJS.ProcessEnv = engineEnvironment()): string | undefined {
  return env[process.platform === 'win32' ? 'PATH' : 'LD_LIBRARY_PATH'];
}

/**
 * The environment of a process that computes: onnxruntime's own library is loaded from the folder where CUDA's provider
 * was installed beside it, and CUDA's libraries of a Python package are found.
 */
export function engineEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const cuda = installedCuda();
  return loaderEnvironment([...(cuda ? [cuda.folder] : []), ...(findNative()?.cudaFolders ?? [])], env);
}
