import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../paths.ts';
import { limits } from './limits.ts';
import type { DecodeReply, DecodeRequest } from './protocol.ts';

export interface DecoderOptions {
  /** The program; default: the built server/images/main.ts. */
  readonly entry?: string;
  /** Default: limits'. */
  readonly seconds?: number;
  readonly idleSeconds?: number;
}

/** What came of one picture. `died`: half a sentence about the child's end; another one is started for the next picture. */
export type Decoded = DecodeReply | { readonly died: string };

/**
 * The child that decodes: started when it is needed, one picture at a time, killed when it takes too long, ended when
 * nobody asks any more.
 */
export class Decoder {
  readonly #entry: string;
  readonly #seconds: number;
  readonly #idleSeconds: number;
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #requests = 0;
  #closed = false;

  constructor(options: DecoderOptions = {}) {
    this.#entry = options.entry ?? join(packageRoot(), 'out', 'server', 'images', 'main.js');
    this.#seconds = options.seconds ?? limits.seconds;
    this.#idleSeconds = options.idleSeconds ?? limits.idleSeconds;
  }

  /** Of the child; undefined where none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  decode(request: Omit<DecodeRequest, 'id'>): Promise<Decoded> {
    const decoded = this.#queue.then(() => this.#decode({ ...request, id: ++this.#requests }));
    this.#queue = decoded;
    return decoded;
  }

  /** Ends the child, in the middle of a picture too. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #decode(request: DecodeRequest): Promise<Decoded> {
    if (this.#closed) return { died: 'cannot be shown: Palate is shutting down' };
    clearTimeout(this.#idle);
    this.#child ??= startChild(this.#entry);
    const child = this.#child;
    const decoded = await exchange(child, request, this.#seconds);
    if ('died' in decoded) {
      if (this.#child === child) this.#child = undefined;
      child.kill('SIGKILL');
    } else {
      this.#idle = setTimeout(() => this.#rest(child), this.#idleSeconds * 1000);
      this.#idle.unref();
    }
    return decoded;
  }

  #rest(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
    child.kill('SIGKILL');
  }
}

/** Asks once and waits for the answer, the child's end, or the time limit, whichever comes first. */
function exchange(child: ChildProcess, request: DecodeRequest, seconds: number): Promise<Decoded> {
  return new Promise((resolve) => {
    const settle = (decoded: Decoded) => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
      resolve(decoded);
    };
    const onMessage = (message: unknown) => {
      const reply = message as DecodeReply;
      if (reply?.id === request.id) settle(reply);
    };
    const onExit = (code: number | null, signal: string | null) =>
      settle({ died: `cannot be decoded: the decoder ended (${signal ?? `code ${code}`})` });
    const onError = (error: Error) => settle({ died: `cannot be decoded: ${error.message}` });
    const timer = setTimeout(() => settle({ died: `takes longer than ${seconds} s to decode` }), seconds * 1000);
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onError);
    child.send(request, (error) => {
      if (error) onExit(child.exitCode, child.signalCode);
    });
  });
}

/**
 * A Node process of its own with as little as it needs. Where there is a shell, the system also limits the memory it may
 * write to, the size of a file it writes, and its core dumps.
 */
function startChild(entry: string): ChildProcess {
  const program = [process.execPath, `--max-old-space-size=${limits.childHeapMegabytes}`, entry];
  // In units of 1024 bytes (-d, -c) and of 512 bytes (-f). Where a limit cannot be set, the others still hold.
  const confine = `ulimit -c 0; ulimit -d ${limits.childBytes / 1024}; ulimit -f ${limits.outputBytes / 512}; exec "$@"`;
  const [command, ...args] =
    process.platform === 'win32' ? program : ['/bin/sh', '-c', `{ ${confine}; } 2>/dev/null`, 'sh', ...program];
  const child = spawn(command, args, {
    // A debugger's or a test runner's options are not for it.
    env: { ...process.env, NODE_OPTIONS: undefined },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    windowsHide: true,
  });
  // Without a listener an error that comes after the answer would end the server.
  child.on('error', () => {});
  // A forgotten decoder keeps nobody from ending; it ends with its parent.
  child.unref();
  child.channel?.unref();
  return child;
}
