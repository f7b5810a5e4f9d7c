import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where the package onnxruntime-node lies, and its version. */
export function onnxruntimePackage(): { readonly folder: string; readonly version: string } {
  // From here, because the packaged extension has its packages below out/.
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return { folder: dirname(manifest), version: JSON.parse(readFileSync(manifest, 'utf8')).version };
}

/** The package's folder of native libraries for this platform. */
export function onnxruntimeLibraries(): string {
  return join(onnxruntimePackage().folder, 'bin', 'napi-v6', process.platform, process.arch);
}
