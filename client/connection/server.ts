import * as vscode from 'vscode';
import type { LanguageClient, LanguageClientOptions } from 'vscode-languageclient/node';
import type {
  ClientMethod,
  ClientParams,
  ClientResult,
  ServerConnection,
  ServerNotification,
  ServerNotifications,
  WireName,
} from '../../server/protocol/client.ts';
import { t } from '../translate.ts';
import type { ServerState } from '../wording/statusText.ts';
import { type Crash, waitBeforeRestart } from './backoff.ts';
import { serverRuntime, serverSettings } from './settings.ts';

/** Questions, which change nothing: asked once more when the server died in between. */
const repeatable: ReadonlySet<ClientMethod> = new Set<ClientMethod>([
  'listProjects',
  'nextComparisons',
  'comparison',
  'prepareImage',
  'forecastTraining',
  'listJobs',
  'readOutcome',
  'listRuns',
  'readRun',
  'listModels',
  'engineMemory',
  'listLibrary',
  'doctor',
  'tensorflowState',
  'cudaState',
]);

/** Every notification once: forgetting one does not compile. */
const notifications: { readonly [Name in ServerNotification]: WireName<Name> } = {
  projectChanged: 'palate/projectChanged',
  feedbackChanged: 'palate/feedbackChanged',
  jobChanged: 'palate/jobChanged',
  runChanged: 'palate/runChanged',
  scoresChanged: 'palate/scoresChanged',
  tensorflowSetup: 'palate/tensorflowSetup',
};

const startLimit = 30_000;
/** What the server may take to save and end when the window closes; the editor itself waits five seconds. */
const stopLimit = 4_000;

/** The language server's process, as one thing that goes on: a crash is a pause, a request waits for the next start. */
export class Server implements vscode.Disposable {
  readonly #module: string;
  readonly #log: vscode.LogOutputChannel;
  readonly #stateChanged = new vscode.EventEmitter<ServerState>();
  readonly onDidChangeState = this.#stateChanged.event;
  readonly #scoresShown = new vscode.EventEmitter<void>();
  readonly onDidShowScores = this.#scoresShown.event;
  readonly #heard = new vscode.EventEmitter<{ name: ServerNotification; params: unknown }>();
  #state: ServerState = 'stopped';
  #client: LanguageClient | undefined;
  #starting: Promise<LanguageClient> | undefined;
  #crashes: Crash[] = [];
  #failure = '';

  /** @param module out/server/main.js, absolute */
  constructor(module: string, log: vscode.LogOutputChannel) {
    this.#module = module;
    this.#log = log;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Why it is not there, when the state is 'failed'. */
  get failure(): string {
    return this.#failure;
  }

  /** Starts the server where it is not running; an error's message is a sentence for the person. */
  readonly request: ServerConnection = async (method, params) => {
    try {
      return await this.#ask(method, params);
    } catch (error) {
      if (!(error instanceof ServerGone)) throw error;
      if (repeatable.has(method)) return await this.#ask(method, params);
      throw new Error(
        t("Palate's server stopped before it answered. It starts again by itself: please try once more."),
      );
    }
  };

  on<Name extends ServerNotification>(
    wanted: Name,
    listener: (params: ServerNotifications[Name]) => void,
  ): vscode.Disposable {
    return this.#heard.event(({ name, params }) => {
      if (name === wanted) listener(params as ServerNotifications[Name]);
    });
  }

  /** Resolves when it answers. The person's way back from 'failed', where requests are refused at once. */
  async start(): Promise<void> {
    if (this.#state === 'failed') {
      this.#crashes = [];
      this.#setState('stopped');
    }
    await this.#running();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#crashes = [];
    await this.start();
  }

  async stop(): Promise<void> {
    const client = this.#client ?? (await this.#starting?.catch(() => undefined));
    this.#client = undefined;
    this.#starting = undefined;
    this.#setState('stopped');
    await client?.dispose(stopLimit).catch((error) => this.#log.warn(String(error)));
  }

  /** Settings changed, or the workspace is trusted now. */
  async tellSettings(): Promise<void> {
    await this.#client?.sendNotification('workspace/didChangeConfiguration', { settings: serverSettings() });
  }

  dispose(): void {
    this.#stateChanged.dispose();
    this.#heard.dispose();
    this.#scoresShown.dispose();
  }

  async #ask<Method extends ClientMethod>(method: Method, params: ClientParams<Method>): Promise<ClientResult<Method>> {
    const client = await this.#running();
    try {
      return await client.sendRequest<ClientResult<Method>>(`palate/${method}`, params);
    } catch (error) {
      if (client !== this.#client || isConnectionLoss(error)) throw new ServerGone(method);
      throw new Error(error instanceof Error ? error.message : String(error));
    }
  }

  #running(): Promise<LanguageClient> {
    if (this.#client) return Promise.resolve(this.#client);
    if (!this.#starting) {
      if (this.#state === 'failed') return Promise.reject(new Error(this.#failure));
      this.#setState('starting');
      this.#begin(0);
    }
    return this.#starting!;
  }

  #begin(wait: number): void {
    const starting = this.#launch(wait);
    this.#starting = starting;
    // Whoever asks next gets the reason; a start that nobody waits for must not end the extension host.
    starting.catch(() => undefined);
  }

  async #launch(wait: number): Promise<LanguageClient> {
    for (let delay = wait; ; ) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      try {
        const client = await this.#startOnce();
        this.#client = client;
        this.#starting = undefined;
        this.#setState('running');
        return client;
      } catch (error) {
        this.#log.error(String(error));
        const next = this.#nextWait(false);
        if (next === undefined) throw this.#giveUp(error);
        delay = next;
        this.#setState('restarting');
      }
    }
  }

  async #startOnce(): Promise<LanguageClient> {
    // Loaded here: it is most of the bundle, and other people's folders never need it.
    const { LanguageClient, TransportKind, ErrorAction, CloseAction } = await import('vscode-languageclient/node');
    /** Notes what it has to say in the log: what a person reads are our own sentences. */
    class QuietClient extends LanguageClient {
      override error(message: string, data?: unknown): void {
        super.error(message, data, false);
      }
    }
    const runtime = serverRuntime();
    const clientOptions = await this.#options();
    let gone = false;
    const client: LanguageClient = new QuietClient(
      'palate',
      'Palate',
      { module: this.#module, transport: TransportKind.ipc, ...(runtime && { runtime }) },
      {
        ...clientOptions,
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => {
            gone = true;
            this.#closed(client);
            // We start a new client, after a while: this one cleans up after itself.
            return { action: CloseAction.DoNotRestart, handled: true, message: 'The server is gone.' };
          },
        },
      },
    );
    for (const name of Object.keys(notifications) as ServerNotification[]) {
      client.onNotification(notifications[name], (params: unknown) => this.#heard.fire({ name, params }));
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const sentence = t("Palate's server did not answer within {0} seconds.", startLimit / 1000);
      timer = setTimeout(() => reject(new Error(sentence)), startLimit);
    });
    try {
      await Promise.race([client.start(), late]);
      if (gone) throw new Error(t('it stopped at once'));
      return client;
    } catch (error) {
      // Neither running nor stopped: the client itself would refuse to end it.
      client.serverProcess?.kill();
      void client.dispose().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #options(): Promise<LanguageClientOptions> {
    const { RevealOutputChannelOn } = await import('vscode-languageclient/node');
    return {
      documentSelector: [
        { scheme: 'file', language: 'jsonl' },
        { scheme: 'file', language: 'json' },
        { scheme: 'file', pattern: '**/*.{jsonl,ndjson}' },
      ],
      initializationOptions: serverSettings,
      initializationFailedHandler: () => false,
      outputChannel: this.#log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: {
        provideInlayHints: async (document, range, token, next) => {
          const hints = await next(document, range, token);
          if (hints && hints.length > 0) this.#scoresShown.fire();
          return hints;
        },
      },
    };
  }

  #closed(client: LanguageClient): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    const wait = this.#nextWait(true);
    if (wait === undefined) {
      this.#giveUp(new Error(t('it stopped again and again')));
      return;
    }
    this.#log.warn(`The server stopped by itself; it starts again in ${wait} ms.`);
    this.#setState('restarting');
    this.#begin(wait);
  }

  #nextWait(wasReady: boolean): number | undefined {
    this.#crashes = [...this.#crashes.slice(-50), { at: Date.now(), wasReady }];
    return waitBeforeRestart(this.#crashes);
  }

  #giveUp(error: unknown): Error {
    const why = error instanceof Error ? error.message : String(error);
    this.#starting = undefined;
    this.#failure = serverRuntime()
      ? t(
          'Palate\'s server does not start with the Node of the setting palate.server.runtime ("{0}"): {1}',
          serverRuntime()!,
          why,
        )
      : t("Palate's server does not start: {0}", why);
    this.#setState('failed');
    return new Error(this.#failure);
  }

  #setState(state: ServerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#stateChanged.fire(state);
  }
}

class ServerGone extends Error {}

/** ConnectionInactive, PendingResponseRejected, MessageWriteError: the process went, not the request. */
function isConnectionLoss(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === -32096 || code === -32097 || code === -32099;
}
