import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { listFiles, PackageManager } from '@vscode/vsce';
import { copyRuntimePackages, licences, packageOf, runtimePackages } from './runtimePackages.ts';
import { manifestOf, nativeParts, type Target } from './targets.ts';

export interface StageOptions {
  /** The repository. */
  readonly root: string;
  readonly target: Target;
  /** Emptied first. */
  readonly folder: string;
  /** Keeps what npm fetched for other platforms. */
  readonly cache: string;
}

/**
 * Lays the extension out in a folder as it will be installed: the files that .vscodeignore lets through, the programs
 * bundled with their packages, and the few packages that cannot be bundled, for one platform. These lie in
 * out/node_modules, where the programs in out/ find them: vsce leaves out a node_modules at the root.
 *
 * @throws UserError where a package does not come for the target
 */
export async function stage({ root, target, folder, cache }: StageOptions): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const natives = nativeParts(root, target, cache);
  const files = await listFiles({ cwd: root, packageManager: PackageManager.None });
  for (const file of files.filter((path) => path !== 'package.json')) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  const bundled = await bundle(root, folder);
  await copyRuntimePackages(root, join(folder, 'out', 'node_modules'), natives);
  writeFileSync(join(folder, 'THIRD-PARTY.md'), notices(root, bundled));
  // The choice is made; without such a file vsce warns that nobody made one.
  writeFileSync(join(folder, '.vscodeignore'), '# Everything here belongs to the package.\n');
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(installedManifest(root), null, 2)}\n`);
}

/** The repository's own build script knows what is a program; it stays plain JavaScript and is loaded from its place. */
async function bundle(root: string, folder: string): Promise<string[]> {
  const script: { bundlePackage(folder: string, external: readonly string[]): Promise<string[]> } = await import(
    pathToFileURL(join(root, 'scripts', 'build.mjs')).href
  );
  return script.bundlePackage(folder, runtimePackages);
}

/** What an installed extension has no use for is left out of its manifest. */
function installedManifest(root: string): object {
  const { scripts, devDependencies, dependencies, ...manifest } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  return manifest;
}

/** The licences of the packages that were bundled; the others carry theirs. */
function notices(root: string, inputs: readonly string[]): string {
  const folders = [...new Set(inputs.map((path) => packageOf(path)))].sort();
  const sections = folders.map((folder) => {
    const { name, version } = manifestOf(join(root, folder));
    const texts = licences(join(root, folder)).map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
    return `## ${name} ${version}\n\n${texts.join('\n\n') || 'See its package.'}\n`;
  });
  return `# Packages that are part of Palate's programs\n\n${sections.join('\n')}`;
}
