import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../server/errors.ts';
import { packageRoot } from '../server/paths.ts';
import { ensureCodeServer } from './codeServer/install.ts';
import { codeServerAddress, codeServerOptions, codeServerVariables } from './codeServer/run.ts';
import { ownTarget } from './package/targets.ts';
import { readOptions } from './support/options.ts';

const palateFolder = join(packageRoot(), '.palate');
const say = (line: string) => console.log(line);

try {
  await main();
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
}

/**
 * Packages Palate, and opens a copy of the example with it in VS Code where `code` is on the PATH, else in code-server
 * in the browser. Both get folders of their own below DIR, by default .palate/open: the person's VS Code, its settings
 * and extensions stay as they are.
 */
async function main(): Promise<void> {
  const values = readOptions('npm run open [-- --code-server] [--port N] [--folder DIR]', {
    'code-server': { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
    folder: { type: 'string', default: join(palateFolder, 'open') },
  });
  const place = (name: string) => join(values.folder, name);
  const code = values['code-server'] ? undefined : findCode();
  const codeServer = code ? undefined : await ensureCodeServer(palateFolder, say);
  say('packaging …');
  const script = join(packageRoot(), 'out', 'scripts', 'package.js');
  run(process.execPath, [script, '--out', values.folder]);
  const path = place(`palate-${ownTarget()}.vsix`);
  const example = copyExample(place('example'));
  const folders = ['--user-data-dir', place('data'), '--extensions-dir', place('extensions')];
  if (code) {
    run(code, [...folders, '--install-extension', path, '--force']);
    run(code, [...folders, '--new-window', example]);
    say(`${example} is open in VS Code. The command to begin with: Palate: Label Comparisons`);
  } else if (codeServer) {
    run(codeServer.node, [codeServer.program, ...folders, '--install-extension', path, '--force']);
    const options = [...folders, ...codeServerOptions({ port: Number(values.port) })];
    await serve(codeServer.node, [codeServer.program, ...options], example);
  }
}

function findCode(): string | undefined {
  const { status } = spawnSync('code', ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' });
  return status === 0 ? 'code' : undefined;
}

/** What was labelled in an earlier copy stays. */
function copyExample(example: string): string {
  if (existsSync(join(example, 'palate.json'))) {
    say(`Going on in ${example}; remove that folder to begin anew.`);
  } else {
    mkdirSync(example, { recursive: true });
    cpSync(join(packageRoot(), 'examples'), example, { recursive: true });
  }
  return example;
}

function run(program: string, words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, words, {
    encoding: 'utf8',
    env: { ...process.env, ...codeServerVariables },
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new UserError(`${program} ${words.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}

/** Until Ctrl+C. */
async function serve(node: string, words: readonly string[], example: string): Promise<void> {
  const child = spawn(node, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...codeServerVariables },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const address = await codeServerAddress(child);
  say(`The example is open at ${address}/?folder=${encodeURIComponent(example)}`);
  say('The command to begin with: Palate: Label Comparisons. Ctrl+C here ends it.');
  await new Promise((done) => child.on('exit', done));
}
