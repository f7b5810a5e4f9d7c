import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { UserError } from '../../server/errors.ts';

/** VS Code in a browser: what opens the example where there is no VS Code, and what the end-to-end tests drive. */
export interface CodeServer {
  /** The Node that it wants, 24. */
  readonly node: string;
  /** Its program for that Node. */
  readonly program: string;
}

/** Tested with this one; another version of VS Code may name parts of its page differently. */
const version = '4.139.1';
const nodeMajor = '24';

/** What compiles its native modules, by the command or file each Debian package brings. */
const buildPackages = 'libkrb5-dev, pkg-config, g++, make and python3';

/** The installation below `folder` (.palate), or undefined where there is none that works. */
export function findCodeServer(folder: string): CodeServer | undefined {
  const node = findNode(folder);
  const program = join(folder, 'code-server', 'node_modules', 'code-server', 'out', 'node', 'entry.js');
  if (!node || !existsSync(program)) return undefined;
  const { status } = spawnSync(node, [program, '--version'], { stdio: 'ignore' });
  return status === 0 ? { node, program } : undefined;
}

/**
 * The installation below `folder`; puts it there first where it is missing, with npm: a Node 24, then code-server, which
 * compiles a few native modules. `say` gets a line for each thing done.
 *
 * @throws UserError where npm could not
 */
export async function ensureCodeServer(folder: string, say: (line: string) => void): Promise<CodeServer> {
  const found = findCodeServer(folder);
  if (found) return found;
  if (process.platform === 'win32') {
    throw new UserError('code-server does not run on Windows: install VS Code, so that `code` is on the PATH.');
  }
  const node = findNode(folder) ?? (await installNode(folder, say));
  say(
    `installing code-server ${version} into ${join(folder, 'code-server')}: it compiles, so it takes minutes, once …`,
  );
  const work = join(folder, `code-server.${process.pid}`);
  try {
    // Its install step is what compiles: the one package that may run one.
    await npmInstall(work, ['--ignore-scripts=false', ...headersOf(node), `code-server@${version}`], dirname(node));
    const place = join(folder, 'code-server');
    rmSync(place, { recursive: true, force: true });
    renameSync(work, place);
  } catch (error) {
    throw new UserError(
      `code-server could not be installed (${(error as Error).message}). Its native modules need ${buildPackages} (Debian's names): install what is missing and run the same command again.`,
      { cause: error },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const installed = findCodeServer(folder);
  if (!installed) throw new UserError(`code-server was installed into ${folder} but does not start.`);
  return installed;
}

function nodePackage(): string {
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

/** This process's own Node where it is 24, else the one that npm brought. */
function findNode(folder: string): string | undefined {
  if (process.versions.node.startsWith(`${nodeMajor}.`)) return process.execPath;
  const node = join(folder, 'node24', 'node_modules', nodePackage(), 'bin', 'node');
  return existsSync(node) ? node : undefined;
}

async function installNode(folder: string, say: (line: string) => void): Promise<string> {
  const name = `${nodePackage()}@${nodeMajor}`;
  say(`code-server wants Node ${nodeMajor}: installing ${name} into ${join(folder, 'node24')} …`);
  try {
    await npmInstall(join(folder, 'node24'), ['--ignore-scripts', name]);
  } catch (error) {
    throw new UserError(`${name} could not be installed: ${(error as Error).message}.`, { cause: error });
  }
  const node = findNode(folder);
  if (!node) throw new UserError(`${name} was installed into ${folder}, but holds no bin/node.`);
  return node;
}

/** Native modules are compiled for the Node that runs them, whatever Node npm was set up for. */
function headersOf(node: string): string[] {
  const home = dirname(dirname(node));
  return existsSync(join(home, 'include', 'node', 'node.h')) ? [`--nodedir=${home}`] : [];
}

/** npm's own words go to stderr. `programs`: a folder to look for `node` in before any other. */
async function npmInstall(prefix: string, what: readonly string[], programs?: string): Promise<void> {
  mkdirSync(prefix, { recursive: true });
  const path = programs ? `${programs}${delimiter}${process.env.PATH}` : process.env.PATH;
  const options = ['install', '--prefix', prefix, '--no-save', '--omit=dev', '--loglevel=error'];
  const child = spawn('npm', [...options, ...what], {
    cwd: prefix,
    // What this process was given as npm's settings must not decide here (an .npmrc that forbids install steps).
    env: { ...withoutNpmSettings(process.env), PATH: path },
    stdio: ['ignore', 2, 2],
  });
  const ending = await new Promise<string | undefined>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('exit', (code, signal) => done(code === 0 ? undefined : `npm ended with ${signal ?? code}`));
  });
  if (ending !== undefined) throw new Error(ending);
}

/** `npm run` hands its own configuration on to every npm below it, and which Node it is run by: code-server asks that. */
function withoutNpmSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours =
    /^npm_(config_(ignore_scripts|loglevel|prefix|local_prefix|user_agent|nodedir|node_gyp)|lifecycle|package|execpath|node_execpath|command)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}
