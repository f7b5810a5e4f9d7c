import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createVSIX } from '@vscode/vsce';
import { packageRoot } from '../../server/paths.ts';
import { stage } from './stage.ts';
import type { Target } from './targets.ts';

/**
 * Makes the extension for one platform: `OUT/palate-<target>.vsix`. Answers its path.
 *
 * @throws UserError where a native package does not come for the target
 */
export async function makePackage(target: Target, out: string): Promise<{ path: string; parts: Map<string, number> }> {
  const root = packageRoot();
  const folder = mkdtempSync(join(tmpdir(), `palate-${target}-`));
  try {
    await stage({ root, target, folder, cache: join(root, '.palate', 'package') });
    mkdirSync(out, { recursive: true });
    const path = join(out, `palate-${target}.vsix`);
    await createVSIX({
      cwd: folder,
      packagePath: path,
      target,
      dependencies: false,
      // Links in README.md are for the repository; there is no address to point them at yet.
      rewriteRelativeLinks: false,
      allowMissingRepository: true,
    });
    return { path, parts: partsOf(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes before compression, by the part of the package that a reader would name. */
function partsOf(folder: string): Map<string, number> {
  const parts = new Map<string, number>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const words = relative(folder, path).replaceAll('\\', '/').split('/');
    const depth = words[1] === 'node_modules' ? (words[2].startsWith('@') ? 4 : 3) : 2;
    const name = words.length <= depth ? words.join('/') : words.slice(0, depth).join('/');
    parts.set(name, (parts.get(name) ?? 0) + statSync(path).size);
  }
  return parts;
}
