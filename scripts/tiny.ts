import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../server/paths.ts';
import { regenerate } from './tiny/regenerate.ts';
import { trainTiny } from './tiny/train.ts';

/** `npm run tiny [-- FOLDER [ROWS]]`: makes the embedded model again, by default in models/tiny. */
const [folder = join(packageRoot(), 'models', 'tiny'), rows] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'palate-tiny-'));
try {
  await regenerate({ folder, work, ...(rows === undefined ? {} : { rows: Number(rows) }) }, trainTiny);
} finally {
  rmSync(work, { recursive: true, force: true });
}
