import { fork } from 'node:child_process';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { packageRoot } from '../paths.ts';
import type { SetupResult } from './setup.ts';
import type { Work } from './source.ts';

/** What the program is asked to do: its one argument, as JSON. */
export interface SetupTask {
  /** The libtensorflow to use; absent: what tfjs-node's authors publish. */
  readonly from?: string;
  /** Only checks what is installed. */
  readonly check?: boolean;
  /** The person's folder of Palate; default palateHome(). */
  readonly home?: string;
  /** The program that checks a binding; default the built one. */
  readonly checkEntry?: string;
}

/** What it tells; the last three end it. Any message to it stops it. */
export type SetupMessage =
  | {
      readonly kind: 'progress';
      readonly stage: Parameters<Work['progress']>[0];
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'said'; readonly sentence: string }
  | { readonly kind: 'done'; readonly result: SetupResult }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string; readonly userFacing: boolean };

export interface SetupProcessOptions extends SetupTask, Work {
  /** Default the process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What is stopped removes its folder first. */
const secondsToStop = 10;

/**
 * Sets up the native part of TensorFlow (setup.ts), or checks what is installed, in a process of its own.
 *
 * @throws UserError saying in one sentence what is missing and what to do; the signal's reason; Error for a fault
 */
export async function setUpApart(options: SetupProcessOptions): Promise<SetupResult> {
  const { from, check, home, checkEntry, signal, env } = options;
  signal.throwIfAborted();
  const task: SetupTask = { from, check, home, checkEntry };
  const program = join(packageRoot(), 'out', 'server', 'tensorflow', 'setupProgram.js');
  const child = fork(program, [JSON.stringify(task)], {
    execArgv: [],
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    if (child.connected) child.send('stop', () => {});
    timer = setTimeout(() => child.kill('SIGKILL'), secondsToStop * 1000);
  };
  signal.addEventListener('abort', stop, { once: true });
  let last: SetupMessage | undefined;
  let printed = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    printed = `${printed}${text}`.slice(-2000);
  });
  child.on('message', (message: SetupMessage) => {
    if (message.kind === 'progress') options.progress(message.stage, message.done, message.total);
    else if (message.kind === 'said') options.say(message.sentence);
    else last = message;
  });
  try {
    const how = await new Promise<string>((done) => {
      child.on('error', (error) => done(error.message));
      child.on('close', (code, killed) => done(killed ?? `code ${code}`));
    });
    return resultOf(last, signal, `${how}${printed ? `: ${printed.trim().split('\n').at(-1)}` : ''}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

function resultOf(last: SetupMessage | undefined, signal: AbortSignal, how: string): SetupResult {
  if (last?.kind === 'done') return last.result;
  signal.throwIfAborted();
  if (last?.kind !== 'failed') {
    throw new UserError(`The set-up of TensorFlow ended before it was done (${how}): start it again, it goes on.`);
  }
  throw last.userFacing ? new UserError(last.message) : new Error(last.message);
}
