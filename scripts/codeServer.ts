import { join } from 'node:path';
import { UserError } from '../server/errors.ts';
import { packageRoot } from '../server/paths.ts';
import { ensureCodeServer } from './codeServer/install.ts';

/** Puts code-server into .palate where it is missing, for `npm run open` and the end-to-end tests. Everything goes to stderr. */
try {
  const { program } = await ensureCodeServer(join(packageRoot(), '.palate'), (line) => console.error(line));
  console.error(`code-server is installed: ${program}`);
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
}
