import { statSync } from 'node:fs';
import { UserError } from '../server/errors.ts';
import { packageRoot } from '../server/paths.ts';
import { makePackage } from './package/make.ts';
import { ownTarget, type Target, targets } from './package/targets.ts';
import { readOptions } from './support/options.ts';

/** The largest package that is still handed out. */
const mostMegabytes = 45;
const megabytes = (bytes: number) => bytes / 1e6;

await main().catch((error) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
});

/** One VSIX a platform, default this machine's. */
async function main(): Promise<void> {
  const values = readOptions('npm run package [-- --target linux-x64 …] [--all] [--out DIR]', {
    target: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    out: { type: 'string', default: packageRoot() },
  });
  const unknown = values.target?.find((name) => !targets.some((target) => target === name));
  if (unknown) throw new UserError(`There is no package for "${unknown}". There is one for ${targets.join(', ')}.`);
  const wanted = values.all ? targets : ((values.target as Target[] | undefined) ?? [ownTarget()]);
  for (const target of wanted) await packageOne(target, values.out);
}

async function packageOne(target: Target, out: string): Promise<void> {
  const { path, parts } = await makePackage(target, out);
  const size = megabytes(statSync(path).size);
  console.log(`${path}: ${size.toFixed(1)} MB (at most ${mostMegabytes})`);
  const largest = [...parts].sort(([, a], [, b]) => b - a).slice(0, 12);
  for (const [name, bytes] of largest) console.log(`  ${megabytes(bytes).toFixed(2).padStart(7)} MB  ${name}`);
  if (size > mostMegabytes) throw new UserError(`${path} is larger than ${mostMegabytes} MB.`);
}
