import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { type NativePart, packageFolder } from './targets.ts';

/** Packages with native parts, or that find files beside themselves: they stay packages, everything else is bundled. */
export const runtimePackages = ['onnxruntime-node', 'sharp', '@tensorflow/tfjs-node', 'node-api-headers'];

/** Looked up by name and never loaded (server/engine/tensorflow/native.ts answers for it). */
const lookedUp = '@mapbox/node-pre-gyp';

/**
 * Copies what the running program needs of these packages, and of those that they need, into `modules`: the files that
 * esbuild reaches from their entries, each package's manifest and licence, what set-up compiles, and the native parts.
 */
export async function copyRuntimePackages(
  root: string,
  modules: string,
  natives: readonly NativePart[],
): Promise<void> {
  const files = new Set(await reachedFiles(root));
  for (const folder of new Set([...files].map(packageOf))) {
    for (const name of [...manifests(root, folder, files), ...licences(join(root, folder))])
      files.add(join(folder, name));
  }
  for (const file of [...files, ...compiledBySetUp(root), ...lookedUpFiles(root)]) {
    copy(join(root, file), join(modules, belowModules(file)));
  }
  for (const { from, to } of natives) copy(from, join(modules, to));
}

/** Relative to the repository. */
async function reachedFiles(root: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: {
      contents: "import 'onnxruntime-node'; import 'sharp'; require('@tensorflow/tfjs-node');",
      resolveDir: root,
    },
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    outfile: 'reached.js',
    external: [lookedUp, '@img/sharp-*'],
    // The target's own are copied apart from this.
    loader: { '.node': 'empty' },
    logLevel: 'error',
  });
  return Object.keys(metafile.inputs).filter((path) => /^[^:]*node_modules\//.test(path) && !path.endsWith('.node'));
}

/** 'a/node_modules/b/c.js' of '../main/node_modules/a/node_modules/b/c.js': node_modules may be a link to elsewhere. */
function belowModules(file: string): string {
  const path = file.replaceAll('\\', '/');
  return path.slice(path.indexOf('node_modules/') + 'node_modules/'.length);
}

/** The folder of the package that a file belongs to: 'node_modules/a/node_modules/@b/c'. */
export function packageOf(file: string): string {
  const found = file.replaceAll('\\', '/').match(/^(.*node_modules\/(@[^/]+\/)?[^/]+)\//);
  if (!found) throw new Error(`${file} belongs to no package.`);
  return found[1];
}

/** A package's own manifest, and those between it and a file, which say what kind of module the file is. */
function manifests(root: string, folder: string, files: ReadonlySet<string>): string[] {
  const found = new Set(['package.json']);
  for (const file of files) {
    if (packageOf(file) !== folder) continue;
    for (let place = dirname(file); place !== folder; place = dirname(place)) {
      const manifest = join(place, 'package.json');
      if (existsSync(join(root, manifest))) found.add(relative(folder, manifest));
    }
  }
  return [...found];
}

export function licences(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying|thirdpartynotices)/i.test(name));
}

/** `setup-tensorflow` compiles tfjs-node's binding: its sources and Node-API's headers. */
function compiledBySetUp(root: string): string[] {
  const here = (name: string) => relative(root, packageFolder(root, name));
  const headers = here('node-api-headers');
  return [join(here('@tensorflow/tfjs-node'), 'binding'), join(headers, 'include'), join(headers, 'package.json')];
}

function lookedUpFiles(root: string): string[] {
  const tfjsNode = join(packageFolder(root, '@tensorflow/tfjs-node'), 'package.json');
  const program = createRequire(tfjsNode).resolve(lookedUp);
  const folder = packageOf(relative(root, program));
  return [join(folder, 'package.json'), relative(root, program)];
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.map') });
}
