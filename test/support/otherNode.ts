import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import { skip } from './skip.ts';

/**
 * The program of a Node 24: this process's own, or the one that the platform's npm package brings into .palate/node24,
 * where .ci/run puts it. Skips the test where there is none.
 */
export function node24(context: Mocha.Context): string {
  if (process.versions.node.startsWith('24.')) return process.execPath;
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${system}-${process.arch}`;
  const folder = join(packageRoot(), '.palate', 'node24', 'node_modules', name, 'bin');
  const program = [join(folder, 'node'), join(folder, 'node.exe')].find((path) => existsSync(path));
  if (program && spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.startsWith('v24.')) return program;
  return skip(
    context,
    `there is no Node 24 beside this Node ${process.versions.node}; npm install --prefix .palate/node24 --ignore-scripts ${name}@24 gets it`,
  );
}
