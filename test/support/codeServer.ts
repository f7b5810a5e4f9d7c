import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CodeServer, findCodeServer } from '../../scripts/codeServer/install.ts';
import { packageRoot } from '../../server/paths.ts';
import { packagedExtension } from './packaged.ts';
import { type LiveProcess, processesWith } from './processes.ts';
import { skip } from './skip.ts';

/** Marks every process that an editor starts, directly or not. */
const mark = 'PALATE_TEST_EDITOR';

/** The code-server of this clone. Skips the suite where there is none; fails it where CI is set. */
export function installedCodeServer(context: Mocha.Context): CodeServer {
  const found = findCodeServer(join(packageRoot(), '.palate'));
  if (found) return found;
  const reason = 'code-server is not installed in .palate; npm run setup:code-server installs it';
  if (process.env.CI) throw new Error(reason);
  return skip(context, reason);
}

/** Quiet: no trust question, no telemetry, no updates, nothing that asks the network or hides the page. */
export const quietSettings: Readonly<Record<string, unknown>> = {
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'update.showReleaseNotes': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.reduceMotion': 'on',
  'chat.disableAIFeatures': true,
  'git.openRepositoryInParentFolders': 'never',
  'git.autofetch': false,
  'json.schemaDownload.enable': false,
  'files.simpleDialog.enable': true,
  'window.confirmBeforeClose': 'never',
};

export interface CodeServerOptions {
  /** Added to `quietSettings`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** A code-server that runs, with Palate from its package in it, and folders of its own. */
export interface RunningCodeServer {
  readonly url: string;
  /** User data, extensions and home lie below it. */
  readonly folder: string;
  readonly settingsFile: string;
  /** What it printed. */
  readonly output: string;
  /** Its processes that are alive. */
  processes(): LiveProcess[];
  /** Kills its main process without warning. */
  kill(): void;
  /** Ends it, waits until every process is gone, and removes its folders. Throws where one stayed, and kills it. */
  close(): Promise<void>;
}

export async function startCodeServer(
  { node, program }: CodeServer,
  { settings = {}, env = {} }: CodeServerOptions = {},
): Promise<RunningCodeServer> {
  const folder = mkdtempSync(join(tmpdir(), 'palate-editor-'));
  const id = randomUUID();
  const place = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const settingsFile = join(place('data/User'), 'settings.json');
  writeFileSync(settingsFile, JSON.stringify({ ...quietSettings, ...settings }, null, 2));
  const home = place('home');
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = Ada Example\n\temail = ada@example.org\n');
  const environment = { ...cleanEnvironment(), HOME: home, [mark]: id, ...env };
  const folders = ['--user-data-dir', place('data'), '--extensions-dir', place('extensions')];
  const run = (options: readonly string[]) =>
    spawn(node, [program, ...folders, ...options], { env: environment, stdio: ['ignore', 'pipe', 'pipe'], cwd: home });

  const processes = () => processesWith(mark, id);
  try {
    await ended(run(['--install-extension', await packagedExtension()]));
    const quiet = ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'];
    const child = run(['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-workspace-trust', ...quiet]);
    const { url, output } = await listening(child);
    return {
      url,
      folder,
      settingsFile,
      get output() {
        return output();
      },
      processes,
      kill: () => child.kill('SIGKILL'),
      close: () => close(child, folder, processes),
    };
  } catch (error) {
    for (const { pid } of processes()) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Without what a terminal in another editor, or npm, would hand on. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(VSCODE_|ELECTRON_|npm_|XDG_|GIT_|CODE_SERVER|PORT$|PASSWORD$)/.test(name),
    ),
  );
}

async function ended(child: ChildProcess): Promise<void> {
  const said = collect(child);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`code-server ended with ${code}:\n${said()}`);
}

function collect(child: ChildProcess): () => string {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return () => said;
}

/** The address, as soon as it prints one. */
async function listening(child: ChildProcess): Promise<{ url: string; output: () => string }> {
  const output = collect(child);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const found = output().match(/server listening on (http:\/\/[\d.:]+)/i);
      if (found) resolve(found[1]);
    });
    child.on('close', (code) => reject(new Error(`code-server ended with ${code}:\n${output()}`)));
  });
  return { url, output };
}

const patience = 20_000;

async function close(child: ChildProcess, folder: string, processes: () => LiveProcess[]): Promise<void> {
  child.kill('SIGTERM');
  const left = await goneWithin(processes, patience);
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  if (left.length > 0) {
    throw new Error(
      `The editor left processes behind:\n${left.map(({ pid, command }) => `${pid} ${command}`).join('\n')}`,
    );
  }
}

/** The processes that are still alive after `ms`; empty as soon as there are none. */
export async function goneWithin(processes: () => LiveProcess[], ms: number): Promise<LiveProcess[]> {
  const end = Date.now() + ms;
  // Nothing tells when the last grandchild has ended: it is looked at again and again.
  for (;;) {
    const left = processes();
    if (left.length === 0 || Date.now() > end) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
