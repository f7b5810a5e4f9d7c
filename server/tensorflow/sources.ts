import { existsSync, statSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { folderSource, headOf } from './folder.ts';
import type { Source } from './source.ts';
import { tarballSource } from './tarball.ts';
import { zipSource } from './zip.ts';

const forms =
  'the libtensorflow C distribution (its folder or archive), the folder of the Python package tensorflow, or a tensorflow or tensorflow-cpu wheel';

/**
 * The libtensorflow at `path`, told by what it is, not by its name.
 *
 * @throws UserError where there is none, or none for this platform
 */
export async function openSource(path: string): Promise<Source> {
  if (!existsSync(path)) throw new UserError(`There is no ${path}: give ${forms}.`);
  if (statSync(path).isDirectory()) return folderSource(path);
  const [first, second] = headOf(path);
  if (first === 0x50 && second === 0x4b) return zipSource(path);
  if (first === 0x1f && second === 0x8b) return tarballSource(path);
  throw new UserError(`${path} is neither a folder nor a zip or tar.gz archive: give ${forms}.`);
}
