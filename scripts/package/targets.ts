import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../server/errors.ts';

/** What VS Code calls the platforms that a package can be made for. For darwin-x64 onnxruntime-node brings no library. */
export const targets = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'] as const;
export type Target = (typeof targets)[number];

/** The target that this machine is. */
export function ownTarget(): Target {
  const own = `${process.platform}-${process.arch}`;
  const target = targets.find((name) => name === own);
  if (!target) throw new UserError(`There is no package for ${own}: name one of ${targets.join(', ')} with --target.`);
  return target;
}

/** A folder or file to copy into the package's node_modules. */
export interface NativePart {
  readonly from: string;
  /** Relative to node_modules. */
  readonly to: string;
}

/**
 * The native files that a target needs beside the packages' JavaScript: onnxruntime's library, sharp's and libvips's.
 * Those of other platforms are fetched with npm into `cache`, once.
 *
 * @throws UserError where a package does not come for the target
 */
export function nativeParts(root: string, target: Target, cache: string): NativePart[] {
  return [...onnxruntimeParts(root, target), ...sharpParts(root, target, cache)];
}

function onnxruntimeParts(root: string, target: Target): NativePart[] {
  const name = 'onnxruntime-node';
  const place = join('bin', 'napi-v6', ...target.split('-'));
  const folder = join(packageFolder(root, name), place);
  if (!existsSync(folder)) {
    const { version } = manifestOf(packageFolder(root, name));
    throw new UserError(`${name} ${version} brings no library for ${target}: Palate cannot be packaged for it.`);
  }
  return (
    readdirSync(folder)
      // macOS: the package holds the same library twice, because npm keeps no links; the binding loads the shorter name.
      .filter((file) => !/^libonnxruntime\.\d+\.\d+\.\d+\.dylib$/.test(file))
      .map((file) => ({ from: join(folder, file), to: join(name, place, file) }))
  );
}

function sharpParts(root: string, target: Target, cache: string): NativePart[] {
  const sharp = manifestOf(packageFolder(root, 'sharp'));
  const wanted = Object.keys(sharp.optionalDependencies ?? {}).filter((name) =>
    [`@img/sharp-${target}`, `@img/sharp-libvips-${target}`].includes(name),
  );
  if (wanted.length === 0) throw new UserError(`sharp ${sharp.version} does not come for ${target}.`);
  const own = join(root, 'node_modules');
  const modules = wanted.every((name) => existsSync(join(own, name))) ? own : fetchSharp(sharp.version, target, cache);
  return wanted.map((name) => ({ from: join(modules, name), to: name }));
}

/** npm installs sharp as if this machine were the target. */
function fetchSharp(version: string, target: Target, cache: string): string {
  const folder = join(cache, `sharp-${version}-${target}`);
  const modules = join(folder, 'node_modules');
  if (existsSync(join(modules, '@img', `sharp-${target}`))) return modules;
  mkdirSync(folder, { recursive: true });
  const [os, cpu] = target.split('-');
  const libc = os === 'linux' ? ['--libc=glibc'] : [];
  const options = ['--prefix', folder, '--no-save', '--ignore-scripts', '--loglevel=error'];
  const { status } = spawnSync(
    'npm',
    ['install', ...options, `--os=${os}`, `--cpu=${cpu}`, ...libc, `sharp@${version}`],
    { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' },
  );
  if (status !== 0) throw new UserError(`npm could not fetch sharp ${version} for ${target}: its words are above.`);
  return modules;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A dependency of Palate's own: npm lays those at the top. */
export function packageFolder(root: string, name: string): string {
  return join(root, 'node_modules', name);
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
