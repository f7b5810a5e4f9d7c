import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of the suite's own, made before and removed after it. Call inside `describe`. */
export function temporaryFolder(): {
  readonly path: string;
  write(name: string, content: string | Uint8Array): string;
} {
  const folder = {
    path: '',
    write(name: string, content: string | Uint8Array): string {
      const path = join(folder.path, name);
      writeFileSync(path, content);
      return path;
    },
  };
  before(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'palate-test-'));
  });
  after(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}
