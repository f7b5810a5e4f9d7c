import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { palateHome } from '../../paths.ts';

const keyBytes = 32;

/**
 * The person's key for what Palate keeps in a project for itself, made when it is asked for first: whoever gives a
 * project to others has another one.
 *
 * @throws where it cannot be read or written
 */
export async function keptKey(home = palateHome()): Promise<Buffer> {
  const path = join(home, 'kept.key');
  const known = await readFile(path).catch(() => undefined);
  if (known?.length === keyBytes) return known;
  await mkdir(home, { recursive: true });
  // Where another process is faster, its key counts the next time.
  const file = await open(path, known === undefined ? 'wx' : 'w', 0o600);
  try {
    const key = randomBytes(keyBytes);
    await file.writeFile(key);
    return key;
  } finally {
    await file.close();
  }
}
