import { installedCuda } from '../cuda/home.ts';
import { loaderEnvironment } from '../tensorflow/cuda.ts';
import { findNative } from '../tensorflow/home.ts';

/**
 * The environment of a process that computes: onnxruntime's own library is loaded from the folder where CUDA's provider
 * was installed beside it, and CUDA's libraries of a Python package are found.
 */
export function engineEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const cuda = installedCuda();
  return loaderEnvironment([...(cuda ? [cuda.folder] : []), ...(findNative()?.cudaFolders ?? [])], env);
}
