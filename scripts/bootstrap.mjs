/**
 * `node scripts/bootstrap.mjs <task> [-- arguments]`: installs what is missing, builds what changed, then becomes the task.
 * Works as the first command on a fresh clone, so it uses only Node's own modules. It says what it does on stderr, because
 * stdout belongs to the task. The task runs in this very process: signals and exit codes need no forwarding.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Task → the built program and the arguments that come before the person's. */
const tasks = {
  palate: ['out/server/cli.js'],
  demo: ['out/server/cli.js', 'demo'],
  'setup:tensorflow': ['out/server/cli.js', 'setup-tensorflow'],
  test: ['out/scripts/test.js'],
  prove: ['out/scripts/prove.js'],
  bench: ['out/scripts/bench.js'],
  tiny: ['out/scripts/tiny.js'],
  example: ['out/scripts/example.js'],
  package: ['out/scripts/package.js'],
  open: ['out/scripts/open.js'],
  'setup:code-server': ['out/scripts/codeServer.js'],
  schema: ['out/scripts/schema.js'],
  lint: ['out/scripts/lint.js'],
  format: ['out/scripts/lint.js', '--write'],
  build: [],
};

const say = (text) => writeSync(2, `palate: ${text}\n`);

/** True when every package of the lock file is in node_modules at the locked version. npm writes its own list there last. */
function isInstalled() {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    // Optional packages are those of other operating systems: npm leaves them out.
    return installed[path] ? installed[path].version === version : optional === true;
  });
}

async function install() {
  say('installing dependencies (npm ci), once …');
  // Under `npm run`, npm says where it lies itself; a bare name works everywhere but on Windows, where it is a script.
  const runner = process.env.npm_execpath;
  const known = runner && basename(runner).startsWith('npm-cli');
  // On the command line, because .npmrc asks for silence and an environment may ask for production packages only.
  const options = ['ci', '--loglevel=error', '--include=dev', '--no-progress'];
  const code = await new Promise((resolve, reject) => {
    // npm's output would end up among the task's: it goes to stderr.
    const child = known
      ? spawn(process.execPath, [runner, ...options], { cwd: root, stdio: ['ignore', 2, 2] })
      : spawn('npm', options, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
    child.on('error', reject);
    child.on('exit', (exitCode, signal) => resolve(exitCode ?? signal));
  });
  if (code !== 0) {
    say(`npm ci ended with ${code}. Its own words are above; once that is mended, run the same command again.`);
    process.exit(typeof code === 'number' ? code : 130);
  }
}

async function main([name, ...rest]) {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    say(`this is Node ${process.versions.node}; Palate needs Node 20 or newer (https://nodejs.org).`);
    process.exit(1);
  }
  const task = Object.hasOwn(tasks, name ?? '') ? tasks[name] : undefined;
  if (!task) {
    say(
      `${name ? `there is no task "${name}"` : 'no task was named'}. The tasks are: ${Object.keys(tasks).join(', ')}.`,
    );
    process.exit(2);
  }
  if (!isInstalled()) await install();
  const { build } = await import('./build.mjs');
  await build().catch((error) => {
    say(`the build failed: ${error.errors ? 'esbuild names the places above.' : error.stack}`);
    process.exit(1);
  });

  const [program, ...before] = task;
  if (!program) return;
  const path = join(root, program);
  if (!existsSync(path)) {
    say(`${program} was not built, because its source is not there.`);
    process.exit(1);
  }
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, path, ...before, ...(rest[0] === '--' ? rest.slice(1) : rest)];
  await import(pathToFileURL(path).href);
}

await main(process.argv.slice(2));
