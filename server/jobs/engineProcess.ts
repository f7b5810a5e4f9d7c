import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { engineEnvironment, libraryPlaces } from '../devices/environment.ts';
import { UserError } from '../errors.ts';
import { packageRoot } from '../paths.ts';
import type {
  EngineEvents,
  EngineFailure,
  EngineMessage,
  EngineMethod,
  EngineParams,
  EngineResult,
  Priority,
} from '../protocol/engine.ts';

export interface EngineOptions {
  /** The program to fork; default: the built server/engine/main.ts. */
  readonly entry?: string;
  /** Options of Node for the engine; default: none, so that a debugger's or a test runner's are not passed on. */
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What the engine or its runtime prints, line by line. Default: kept for messages only. */
  readonly onOutput?: (line: string) => void;
}

export interface CallOptions<Method extends EngineMethod> {
  /** Stops the request: the promise rejects with EngineStopped, or, where stopping saves ('train'), resolves. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: EngineEvents[Method]) => void;
  /** Default 'background'. */
  readonly priority?: Priority;
}

/** The request was stopped by its caller. */
export class EngineStopped extends Error {
  constructor(message = 'The request was stopped.') {
    super(message);
    this.name = 'EngineStopped';
  }
}

/** The engine ended in the middle of a request. The next call starts a new one. */
export class EngineCrashed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineCrashed';
  }
}

interface Waiting {
  readonly method: EngineMethod;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly onEvent?: (event: never) => void;
}

interface Child {
  readonly process: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  readonly lastLines: string[];
  readonly libraryPlaces: string | undefined;
  readonly ended: Promise<void>;
}

/** A fatal error of Node's is followed by some thirty lines of stack. */
const keptLines = 40;
const closeSeconds = 10;

/** The engine as its parent sees it: a child process that starts with the first call and again after a crash. */
export class EngineProcess {
  readonly #options: EngineOptions;
  #child: Child | undefined;
  #requests = 0;
  #closed = false;

  constructor(options: EngineOptions = {}) {
    this.#options = options;
  }

  /** Of the running engine; undefined before the first call and after a crash. */
  get pid(): number | undefined {
    return this.#child?.process.pid;
  }

  /** Whether something was installed since it started that only a new process finds: CUDA's provider, its libraries. */
  get isOutdated(): boolean {
    if (this.#child === undefined || this.#options.env !== undefined) return false;
    return this.#child.libraryPlaces !== libraryPlaces();
  }

  /**
   * Calls a method of the engine.
   *
   * @throws UserError (the engine's own), EngineStopped, EngineCrashed, or Error for a fault in the engine
   */
  call<Method extends EngineMethod>(
    method: Method,
    params: EngineParams<Method>,
    options: CallOptions<Method> = {},
  ): Promise<EngineResult<Method>> {
    const { signal, onEvent, priority = 'background' } = options;
    if (this.#closed) return Promise.reject(new EngineStopped('The engine is closed.'));
    if (signal?.aborted) return Promise.reject(new EngineStopped());
    this.#child ??= this.#start();
    const child = this.#child;
    const request = ++this.#requests;
    const stop = () =>
      this.#send(child, { request: ++this.#requests, method: 'stop', priority: 'interactive', params: { request } });
    return new Promise<EngineResult<Method>>((resolve, reject) => {
      child.waiting.set(request, { method, resolve, reject, onEvent });
      signal?.addEventListener('abort', stop, { once: true });
      this.#send(child, { request, method, priority, params });
    }).finally(() => signal?.removeEventListener('abort', stop));
  }

  /** Ends the engine at once: whatever it was doing is lost, what it saved is whole. */
  kill(): void {
    this.#child?.process.kill('SIGKILL');
  }

  /** Lets the engine stop what it does and end; after ten seconds it is killed. No call works afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child) return;
    if (child.process.connected) child.process.disconnect();
    const timer = setTimeout(() => child.process.kill('SIGKILL'), closeSeconds * 1000);
    await child.ended;
    clearTimeout(timer);
  }

  #send(child: Child, message: object): void {
    // What cannot be sent is answered by the child's end, which rejects whatever waits for it.
    if (child.process.connected) child.process.send(message, () => {});
  }

  #start(): Child {
    const entry = this.#options.entry ?? join(packageRoot(), 'out', 'server', 'engine', 'main.js');
    // CUDA's libraries are found by what stands here when the process starts.
    const env = this.#options.env ?? engineEnvironment();
    const process = fork(entry, {
      execArgv: [...(this.#options.execArgv ?? [])],
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Structured clone: NaN and the infinities stay what they are.
      serialization: 'advanced',
    });
    const waiting = new Map<number, Waiting>();
    const lastLines: string[] = [];
    const outputs = [process.stdout, process.stderr].filter((stream) => stream !== null);
    const printed = Promise.all(outputs.map((stream) => this.#listen(stream, lastLines)));
    process.on('message', (message) => receive(waiting, message as EngineMessage));
    const ended = new Promise<void>((resolve) => {
      let done = false;
      const end = (reason: string) => {
        if (done) return;
        done = true;
        if (this.#child === child) this.#child = undefined;
        rejectAll(waiting, reason, lastLines, this.#closed);
        resolve();
      };
      process.on('error', (error) => end(`The engine could not be started: ${error.message}`));
      // The last lines of output may come after 'exit'. ('close' never comes after a disconnect of this side's.)
      process.on('exit', (code, signal) => void printed.then(() => end(endingOf(code, signal))));
    });
    const child: Child = { process, waiting, lastLines, libraryPlaces: libraryPlaces(env), ended };
    return child;
  }

  /** Resolves after the last line. */
  #listen(stream: Readable, lastLines: string[]): Promise<unknown> {
    const lines = createInterface({ input: stream });
    lines.on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > keptLines) lastLines.shift();
      this.#options.onOutput?.(line);
    });
    return once(lines, 'close');
  }
}

function receive(waiting: Map<number, Waiting>, message: EngineMessage): void {
  const pending = message.request === null ? undefined : waiting.get(message.request);
  if (!pending || message.request === null) return;
  if ('event' in message) {
    try {
      pending.onEvent?.(message.event as never);
    } catch (error) {
      // The caller's own fault is the caller's answer, not an uncaught exception of the server.
      waiting.delete(message.request);
      pending.reject(error as Error);
    }
    return;
  }
  waiting.delete(message.request);
  if ('ok' in message) pending.resolve(message.ok as never);
  else pending.reject(errorOf(message.error));
}

/** The engine's error as one of this process, with the engine's stack. */
function errorOf({ message, userFacing, stack, stopped }: EngineFailure): Error {
  if (stopped) return new EngineStopped(message);
  if (userFacing) return new UserError(message);
  const error = new Error(message);
  if (stack) error.stack = stack;
  return error;
}

function rejectAll(waiting: Map<number, Waiting>, reason: string, lastLines: readonly string[], closed: boolean): void {
  const printed = lastLines.length > 0 ? `\nIts last lines:\n${lastLines.map((line) => `  ${line}`).join('\n')}` : '';
  for (const { reject } of waiting.values()) {
    reject(closed ? new EngineStopped('The engine was closed.') : new EngineCrashed(`${reason}${printed}`));
  }
  waiting.clear();
}

function endingOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'The engine was killed (SIGKILL): by hand, or because the memory ran out.';
  if (signal) return `The engine crashed (${signal}).`;
  return code === 0 ? 'The engine ended before it answered.' : `The engine ended with code ${code}.`;
}
