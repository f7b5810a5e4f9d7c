import { join } from 'node:path';
import { UserError } from '../../server/errors.ts';
import { packageRoot } from '../../server/paths.ts';
import { findChromium } from '../../test/support/browser.ts';
import { type OpenEditor, openEditor } from '../../test/support/editor.ts';
import { findCodeServer } from '../codeServer/install.ts';

/** A code-server with Palate from its package. Throws a UserError that says what to install. */
export async function openInstalledEditor(
  settings: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<OpenEditor> {
  const program = findCodeServer(join(packageRoot(), '.palate'));
  const chromium = findChromium();
  if (!program) throw new UserError('code-server is not installed in .palate; npm run setup:code-server installs it.');
  if (!chromium) throw new UserError('There is no Chromium here; install one or name it in PALATE_CHROMIUM.');
  return openEditor(program, chromium, { settings, env });
}
