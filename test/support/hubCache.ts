import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Lays files into a cache as the hub's own tools do: blobs, links to them, and what branches stand at. */
export function cacheModel(
  cache: string,
  repository: string,
  commit: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  refs: readonly string[] = ['main'],
): string {
  const folder = join(cache, `models--${repository.replace('/', '--')}`);
  const snapshot = join(folder, 'snapshots', commit);
  const place = (path: string) => {
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  for (const [name, content] of Object.entries(files)) {
    const blob = place(join(folder, 'blobs', createHash('sha256').update(content).digest('hex')));
    writeFileSync(blob, content);
    const link = place(join(snapshot, name));
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(link), blob), link);
  }
  for (const ref of refs) writeFileSync(place(join(folder, 'refs', ref)), commit);
  return snapshot;
}
