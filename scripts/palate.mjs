#!/usr/bin/env node
/** The package's `palate` command. In a clone it builds first; in an installed package out/ is complete and there is no bootstrap. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bootstrap = join(root, 'scripts', 'bootstrap.mjs');
const program = join(root, 'out', 'server', 'cli.js');

if (existsSync(bootstrap)) {
  process.argv = [process.execPath, bootstrap, 'palate', '--', ...process.argv.slice(2)];
  await import(pathToFileURL(bootstrap).href);
} else {
  process.setSourceMapsEnabled(true);
  process.argv[1] = program;
  await import(pathToFileURL(program).href);
}
