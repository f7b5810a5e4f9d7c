import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../server/paths.ts';
import { type RunOptions, runTests } from './testRunner.ts';

/** `npm test [-- [--grep TEXT] [part of a file name …]]`: all tests, or those of the files whose path holds one of the parts. */
const options: RunOptions = { files: [] };
const parts: string[] = [];
const words = process.argv.slice(2);
for (let at = 0; at < words.length; at++) {
  if (words[at] === '--grep') options.grep = words[++at];
  else parts.push(words[at]);
}

const folder = join(packageRoot(), 'out', 'test');
options.files = (readdirSync(folder, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => parts.length === 0 || parts.some((part) => file.replaceAll('\\', '/').includes(part)))
  .sort()
  .map((file) => join(folder, file));

await runTests(options);
