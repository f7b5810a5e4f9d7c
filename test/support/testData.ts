import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import { skip } from './skip.ts';

/** Where a data set of that name lies, or undefined where it is absent. Set PALATE_TEST_DATA to look elsewhere. */
export function testData(name: string): string | undefined {
  const folder = join(testDataFolder(), name);
  return existsSync(folder) ? folder : undefined;
}

/** The same inside a test or a `before` hook, which is skipped, with the reason printed, where the data is absent. */
export function testDataOrSkip(context: Mocha.Context, name: string): string {
  return testData(name) ?? skip(context, `${name} is not in ${testDataFolder()}; PALATE_TEST_DATA says where to look`);
}

function testDataFolder(): string {
  return process.env.PALATE_TEST_DATA || join(packageRoot(), '..', 'shared', 'data');
}
