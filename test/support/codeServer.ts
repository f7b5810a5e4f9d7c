import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CodeServer, findCodeServer } from '../../scripts/codeServer/install.ts';
import {
  type CodeServerStart,
  codeServerAddress,
  codeServerOptions,
  codeServerVariables,
} from '../../scripts/codeServer/run.ts';
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

const trustSettings: Readonly<Record<'off' | 'asked', Readonly<Record<string, unknown>>>> = {
  off: { 'security.workspace.trust.enabled': false },
  asked: { 'security.workspace.trust.enabled': true },
};

/** Quiet: no telemetry, no updates, nothing that asks the network or hides the page. */
export const quietSettings: Readonly<Record<string, unknown>> = {
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
  'workbench.editor.useModal': 'off',
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
  /** Default 'off'. 'asked': a folder is restricted until the person trusts it. */
  readonly trust?: CodeServerStart['trust'];
}

/** A code-server that runs, with Palate from its package in it, and folders of its own. */
export interface RunningCodeServer {
  readonly url: string;
  /** User data, extensions and home lie below it. */
  readonly folder: string;
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
  { settings = {}, env = {}, trust = 'off' }: CodeServerOptions = {},
): Promise<RunningCodeServer> {
  const folder = mkdtempSync(join(tmpdir(), 'palate-editor-'));
  const id = randomUUID();
  const place = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const settingsFile = join(place('data/User'), 'settings.json');
  writeFileSync(settingsFile, JSON.stringify({ ...quietSettings, ...trustSettings[trust], ...settings }, null, 2));
  const home = place('home');
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = Ada Example\n\temail = ada@example.org\n');
  const environment = { ...cleanEnvironment(), ...codeServerVariables, HOME: home, [mark]: id, ...env };
  const processes = () => processesWith(mark, id);
  try {
    const folders = [
      '--user-data-dir',
      place('data'),
      '--extensions-dir',
      await installedExtensions({ node, program }),
    ];
    const child = spawn(node, [program, ...folders, ...codeServerOptions({ trust })], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: home,
    });
    const output = collect(child);
    const url = await codeServerAddress(child);
    return {
      url,
      folder,
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

let extensions: Promise<string> | undefined;

/** The folder of extensions that all editors of a test run share: the packaged Palate, installed as a person does. */
function installedExtensions({ node, program }: CodeServer): Promise<string> {
  extensions ??= (async () => {
    const folder = join(packageRoot(), '.palate', 'e2e');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const into = join(folder, 'extensions');
    const vsix = await packagedExtension();
    const options = ['--user-data-dir', join(folder, 'data'), '--extensions-dir', into, '--install-extension', vsix];
    const child = spawn(node, [program, ...options], {
      env: { ...cleanEnvironment(), ...codeServerVariables, HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await ended(child);
    return into;
  })();
  return extensions;
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
