import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { packageRoot } from '../../server/paths.ts';

/**
 * Builds a program that a test starts as a process of its own, and returns the built file's path.
 *
 * @param entry from the repository's root: 'test/support/fakeEngine.ts'
 */
export async function bundleProgram(entry: string): Promise<string> {
  const root = packageRoot();
  const outfile = join(root, 'out', 'programs', relative('.', entry).replace(/\.ts$/, '.js'));
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  return outfile;
}
