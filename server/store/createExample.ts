import { copyFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { packageRoot } from '../paths.ts';

/**
 * Copies the example that comes with Palate into a new or empty folder. palate.json comes last, so a folder is a project
 * or not.
 *
 * @throws UserError where something is in the folder already, or it cannot be written
 */
export async function createExample(folder: string): Promise<void> {
  const target = resolve(folder);
  const source = join(packageRoot(), 'examples');
  try {
    await mkdir(target, { recursive: true });
    const there = (await readdir(target)).find((name) => name !== '.git');
    if (there !== undefined) {
      throw new UserError(
        `${target} is not empty: ${there} is in it. Choose an empty folder or a new one for the example.`,
      );
    }
    const last = join(source, 'palate.json');
    const own = join(source, '.palate');
    await cp(source, target, { recursive: true, filter: (path) => path !== last && path !== own });
    await mkdir(join(target, '.palate'), { recursive: true });
    await writeFile(join(target, '.palate', '.gitignore'), '*\n');
    await copyFile(last, join(target, 'palate.json'));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot put the example into ${target}: ${(error as Error).message}.`, { cause: error });
  }
}
