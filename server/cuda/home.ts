import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onnxruntimeLibraries, onnxruntimePackage } from '../devices/onnxruntime.ts';
import { palateHome } from '../paths.ts';
import { platformName } from '../tensorflow/home.ts';

/** onnxruntime's CUDA provider as it is installed: its libraries, and a copy of onnxruntime's own beside them. */
export interface InstalledCuda {
  readonly folder: string;
  /** Of onnxruntime. */
  readonly version: string;
  /** Bytes of every file, by its name. */
  readonly files: Readonly<Record<string, number>>;
}

/** onnxruntime looks for a provider beside its own library, by whatever way that was loaded. */
export const ownLibrary = 'libonnxruntime.so.1';
export const cudaProvider = 'libonnxruntime_providers_cuda.so';
export const providerFiles = [cudaProvider, 'libonnxruntime_providers_shared.so'] as const;
/** Written last: a folder without it is no installation. */
export const cudaRecord = 'installed.json';

/** `$PALATE_HOME/cuda`: a folder for each version, and what was downloaded for the next one. */
export function cudaHome(home = palateHome()): string {
  return join(home, 'cuda');
}

/** Where the provider for this onnxruntime goes: its name says what must fit. */
export function cudaFolder(home = palateHome()): string {
  return join(cudaHome(home), `onnxruntime-${onnxruntimePackage().version}-${platformName()}`);
}

/** What is installed for this onnxruntime; undefined where there is nothing, or a file is missing or has another size. */
export function installedCuda(home = palateHome()): InstalledCuda | undefined {
  if (!hasCudaProvider()) return undefined;
  const folder = cudaFolder(home);
  try {
    const files: Record<string, number> = JSON.parse(readFileSync(join(folder, cudaRecord), 'utf8')).files;
    const names = [ownLibrary, ...providerFiles];
    const isWhole = names.every((name) => statSync(join(folder, name)).size === files[name]);
    // The package may have been replaced by another build of the same version.
    const fits = statSync(join(onnxruntimeLibraries(), ownLibrary)).size === files[ownLibrary];
    return isWhole && fits ? { folder, version: onnxruntimePackage().version, files } : undefined;
  } catch {
    // Whatever is wrong with it, it is no installation; installing again replaces it.
    return undefined;
  }
}

/** Whether the CUDA provider is there for onnxruntime: installed for this person, or in the package itself. */
export function hasCuda(): boolean {
  return existsSync(join(onnxruntimeLibraries(), cudaProvider)) || installedCuda() !== undefined;
}

/** Whether this platform's onnxruntime-node can load one. */
function hasCudaProvider(platform = platformName()): boolean {
  return cudaProblem(platform) === undefined;
}

/** Why there is none to install on a platform, and what to do; undefined where there is one. */
export function cudaProblem(platform = platformName()): string | undefined {
  if (platform === 'linux-x64') return undefined;
  if (platform === 'win32-x64') {
    return (
      'There is nothing to install on Windows: onnxruntime-node has no CUDA there, but brings DirectML along, which ' +
      "computes on NVIDIA's GPUs as on all others. Choose the device directml, or auto."
    );
  }
  const other = platform.startsWith('darwin') ? 'Core ML or WebGPU (the devices coreml and webgpu)' : 'the CPU';
  return `onnxruntime-node has CUDA on Linux with an x64 processor alone; ${platform} has none. Palate computes with ${other} here.`;
}
