import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { checkNative } from './check.ts';
import { compileBinding, findCompiler } from './compile.ts';
import { download } from './download.ts';
import { bindingName, nodeApiVersion } from './home.ts';
import { linkedLibraries } from './library.ts';
import { bindingUrl } from './published.ts';
import type { Source, Work } from './source.ts';
import { unpackOneOfTarball } from './tarball.ts';
import { unpackOneOfZip } from './zip.ts';

export interface BindingOptions extends Work {
  /** The folder that becomes the installation. */
  readonly whole: string;
  /** For what is not kept. */
  readonly scratch: string;
  /** `$PALATE_HOME/tensorflow`: what was downloaded is kept there until it is used, and the compiler's log. */
  readonly home: string;
  /** Takes the binding that tfjs-node's authors compiled, where there is one: it fits their own libtensorflow only. */
  readonly mayBePublished: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** The program that checks a binding; default the built one. */
  readonly checkEntry?: string;
}

/**
 * Unpacks the libraries into `whole`, adds a binding that finds them there, and answers its path.
 *
 * @throws UserError where neither a published nor a compiled one is to be had; the signal's reason
 */
export async function layOut(source: Source, options: BindingOptions): Promise<string> {
  const { whole, scratch, home, signal, env } = options;
  // Before a gigabyte is unpacked in vain.
  if (process.platform !== 'win32' && !options.mayBePublished) findCompiler(env ?? process.env);
  mkdirSync(whole, { recursive: true });
  mkdirSync(scratch, { recursive: true });
  const include = await source.unpack({ libraries: whole, scratch }, options);
  // Windows would need Microsoft's compiler and import libraries; tfjs-node's authors have compiled it.
  if (process.platform === 'win32') return publishedBinding(options);
  if (options.mayBePublished) {
    try {
      return await publishedBinding(options);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      options.say(`No ready-made binding (${error.message.replace(/\.$/, '')}): it is compiled.`);
    }
  }
  const binding = join(whole, bindingName);
  options.progress('compile', 0, 0);
  const libraries = linkedLibraries(readdirSync(whole)) ?? [];
  await compileBinding({ folder: whole, libraries, include, binding, log: join(home, 'compile.log'), signal, env });
  return binding;
}

/** Where the ready-made binding looks for the libraries, from its own place in lib/napi-v8. */
const publishedLibraries = process.platform === 'win32' ? ['lib', `napi-v${nodeApiVersion}`] : ['deps', 'lib'];

/** Leaves everything as it was where it throws. */
async function publishedBinding(options: BindingOptions): Promise<string> {
  const { whole, scratch, home, signal, env } = options;
  const work: Work = { ...options, progress: (_stage, done, total) => options.progress('binding', done, total) };
  const archive = await download(bindingUrl(env), join(home, 'downloads'), work);
  const place = join(whole, 'lib', `napi-v${nodeApiVersion}`);
  const binding = join(place, bindingName);
  mkdirSync(place, { recursive: true });
  try {
    if (archive.endsWith('.zip')) await unpackOneOfZip(archive, bindingName, binding, work);
    else await unpackOneOfTarball(archive, bindingName, binding, { work, scratch });
  } finally {
    rmSync(archive, { force: true });
  }
  const libraries = linkedLibraries(readdirSync(whole)) ?? [];
  const folder = join(whole, ...publishedLibraries);
  mkdirSync(folder, { recursive: true });
  for (const name of libraries) renameSync(join(whole, name), join(folder, name));
  try {
    await checkNative(binding, { signal, entry: options.checkEntry });
    return binding;
  } catch (error) {
    for (const name of libraries) renameSync(join(folder, name), join(whole, basename(name)));
    for (const name of ['lib', 'deps']) rmSync(join(whole, name), { recursive: true, force: true });
    throw error;
  }
}
