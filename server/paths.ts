import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of Palate's own package.json, wherever the bundle that holds this module lies. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'palate') return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No package.json of palate above ${fileURLToPath(import.meta.url)}.`);
    folder = parent;
  }
}
