import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
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

/** The person's folder of Palate, shared by every clone and by the extension: $PALATE_HOME, else the system's own place. */
export function palateHome(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (env.PALATE_HOME) return resolve(env.PALATE_HOME);
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Palate');
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Palate');
  // A relative path is to be ignored: XDG Base Directory Specification.
  const data = env.XDG_DATA_HOME && isAbsolute(env.XDG_DATA_HOME) ? env.XDG_DATA_HOME : join(home, '.local', 'share');
  return join(data, 'palate');
}
