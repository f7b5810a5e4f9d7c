import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** .palate/, which git leaves alone: runs, caches, the lock. */
export async function preparePalateFolder(project: string): Promise<void> {
  await mkdir(join(project, '.palate'), { recursive: true });
  await writeNew(join(project, '.palate', '.gitignore'), '*\n');
}

/** Leaves a file alone that is there already. */
export async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
