import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import type {
  ClientMethod,
  ClientParams,
  ClientResult,
  ServerNotification,
  ServerNotifications,
  ServerSettings,
} from '../../server/protocol/client.ts';
import type { Job } from '../../server/protocol/types.ts';

export interface ServerClientOptions {
  /** The built program. */
  readonly program: string;
  readonly settings?: Partial<ServerSettings>;
  readonly env?: NodeJS.ProcessEnv;
}

type Told = { [Name in ServerNotification]: { readonly name: Name } & ServerNotifications[Name] }[ServerNotification];

/** A language server in a process of its own, and its editor. */
export interface ServerClient {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  /** Everything that the server told, with the time. */
  readonly told: readonly (Told & { readonly at: number })[];
  /** What it wrote to the log. */
  readonly log: readonly string[];
  call<Method extends ClientMethod>(method: Method, params: ClientParams<Method>): Promise<ClientResult<Method>>;
  /** Resolves with the first notification, from now on or before, that `chosen` accepts. */
  tells<Name extends ServerNotification>(
    name: Name,
    chosen?: (params: ServerNotifications[Name]) => boolean,
  ): Promise<ServerNotifications[Name]>;
  /** The job when it has ended. */
  jobEnds(job: Job): Promise<Job>;
  /** As an editor ends it. */
  close(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts the server, and initialises it as the editor does; the workspace is trusted unless the settings say otherwise. */
export async function startServer({ program, settings, env }: ServerClientOptions): Promise<ServerClient> {
  const child = spawn(process.execPath, [program, '--stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: env ?? process.env,
  });
  const exited = once(child, 'exit');
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  const told: (Told & { readonly at: number })[] = [];
  const log: string[] = [];
  const waiting = new Set<() => void>();
  connection.onNotification((method, params) => {
    if (method === 'window/logMessage') log.push((params as { message: string }).message);
    if (!method.startsWith('palate/')) return;
    told.push({ name: method.slice('palate/'.length), ...(params as object), at: performance.now() } as never);
    for (const look of waiting) look();
  });
  connection.onError(() => {});
  connection.listen();
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    initializationOptions: { trusted: true, freeCores: 1, ...settings },
  });
  await connection.sendNotification('initialized', {});

  function tells<Name extends ServerNotification>(
    name: Name,
    chosen: (params: ServerNotifications[Name]) => boolean = () => true,
  ): Promise<ServerNotifications[Name]> {
    return new Promise((resolve) => {
      let seen = 0;
      const look = () => {
        for (; seen < told.length; seen++) {
          const message = told[seen];
          if (message.name !== name || !chosen(message as never)) continue;
          waiting.delete(look);
          return resolve(message as never);
        }
      };
      waiting.add(look);
      look();
    });
  }

  return {
    process: child,
    connection,
    told,
    log,
    call: (method, params) => connection.sendRequest(`palate/${method}`, params),
    tells,
    async jobEnds({ id }) {
      const ended = ({ job }: { job: Job }) =>
        job.id === id && !['waiting', 'running', 'stopping'].includes(job.status);
      return (await tells('jobChanged', ended)).job;
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await connection.sendRequest('shutdown').catch(() => {});
      await connection.sendNotification('exit').catch(() => {});
      await exited;
      connection.dispose();
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      connection.dispose();
    },
  };
}
