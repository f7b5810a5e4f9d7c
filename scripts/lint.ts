/** `npm run lint` checks types, format, lint rules and structure, all of them even when one fails; `--write` mends what it can. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../server/paths.ts';
import { bundleProblem, writeBundle } from './l10n.ts';
import { checkRepository } from './structure.ts';

const root = packageRoot();
const write = process.argv.includes('--write');
let failed = false;

if (write) writeBundle(root);
const modules = join(root, 'node_modules');
runNode('format and lint rules', join(modules, '@biomejs', 'biome', 'bin', 'biome'), [
  'check',
  '--error-on-warnings',
  '--max-diagnostics=200',
  ...(write ? ['--write'] : []),
]);
if (!write) {
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  runNode('types', tsc, ['--noEmit']);
  runNode('types of what runs in a browser', tsc, ['--noEmit', '--project', 'tsconfig.browser.json']);
  const { problems, files } = checkRepository(root);
  for (const problem of problems) console.error(problem);
  conclude(`structure of ${files} files`, problems.length === 0);
  const unsaid = bundleProblem(root);
  if (unsaid) console.error(unsaid);
  conclude('sentences of the extension', unsaid === undefined);
}
process.exitCode = failed ? 1 : 0;

function runNode(what: string, program: string, options: string[]): void {
  const { status } = spawnSync(process.execPath, [program, ...options], { cwd: root, stdio: 'inherit' });
  conclude(what, status === 0);
}

function conclude(what: string, ok: boolean): void {
  failed ||= !ok;
  console.log(`${ok ? '✓' : '✗'} ${what}`);
}
