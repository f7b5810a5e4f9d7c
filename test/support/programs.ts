import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';

/** The programs as people run them; the tests are built together with them. */
export const builtServer = () => join(packageRoot(), 'out', 'server', 'main.js');
export const builtCommandLine = () => join(packageRoot(), 'out', 'server', 'cli.js');
