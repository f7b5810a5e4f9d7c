import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import {
  type CodeAction,
  type CodeLens,
  createConnection,
  createMessageConnection,
  type Diagnostic,
  type Hover,
  type InlayHint,
  ProposedFeatures,
  type PublishDiagnosticsParams,
  type Range,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { registerLanguageFeatures } from '../../server/language/register.ts';
import type { LanguageFeatureContext, LanguageFeatures } from '../../server/language/types.ts';

/** An editor at the other end of a real connection to the language features. */
export interface LanguageClient {
  readonly features: LanguageFeatures;
  open(path: string, text: string, languageId?: string): void;
  /** Replaces a range of an open file. */
  edit(path: string, range: Range, text: string): void;
  close(path: string): void;
  hints(path: string, first: number, last: number): Promise<InlayHint[]>;
  /** "line:character label" of each hint. */
  labels(path: string, first: number, last: number): Promise<string[]>;
  tooltip(hint: InlayHint): Promise<string>;
  lenses(path: string): Promise<CodeLens[]>;
  hover(path: string, line: number, character: number): Promise<string | undefined>;
  fixes(path: string, diagnostic: Diagnostic): Promise<CodeAction[]>;
  execute(command: string, argument: unknown): Promise<unknown>;
  /** The newest diagnostics of a file. */
  diagnostics(path: string): readonly Diagnostic[];
  readonly published: readonly PublishDiagnosticsParams[];
  /** What the person is asked or told; answered with the first action while `answers` is true. */
  readonly messages: readonly string[];
  answers: boolean;
  readonly refreshes: number;
  /** Resolves with what `look` gives when it is not undefined: asked now, and after each message of the server's. */
  until<Found>(look: () => Promise<Found | undefined> | Found | undefined): Promise<Found>;
  /** Any request, as it is. */
  raw(method: string, params: unknown): Promise<unknown>;
  /** Ends both sides. */
  end(): void;
}

export async function languageClient(context: LanguageFeatureContext): Promise<LanguageClient> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const server = createConnection(
    ProposedFeatures.all,
    new StreamMessageReader(toServer),
    new StreamMessageWriter(toClient),
  );
  const features = registerLanguageFeatures(server, context);
  server.onInitialize(() => ({ capabilities: features.capabilities }));
  server.listen();

  const connection = createMessageConnection(new StreamMessageReader(toClient), new StreamMessageWriter(toServer));
  const published: PublishDiagnosticsParams[] = [];
  const messages: string[] = [];
  const waiting = new Set<() => void>();
  const told = () => {
    for (const look of waiting) look();
  };
  let refreshes = 0;
  const refreshed = () => {
    refreshes++;
    told();
    return null;
  };
  connection.onRequest('workspace/inlayHint/refresh', refreshed);
  connection.onRequest('workspace/codeLens/refresh', () => {
    told();
    return null;
  });
  connection.onRequest(
    'window/showMessageRequest',
    ({ message, actions }: { message: string; actions?: unknown[] }) => {
      messages.push(message);
      told();
      return client.answers ? (actions?.[0] ?? null) : null;
    },
  );
  connection.onNotification('window/showMessage', ({ message }: { message: string }) => {
    messages.push(message);
    told();
  });
  connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
    published.push(params);
    told();
  });
  connection.listen();
  const capabilities = { workspace: { inlayHint: { refreshSupport: true }, codeLens: { refreshSupport: true } } };
  await connection.sendRequest('initialize', { processId: null, rootUri: null, capabilities });
  await connection.sendNotification('initialized', {});

  let version = 1;
  const identify = (path: string) => ({ uri: pathToFileURL(path).href });
  const send = (method: string, params: unknown) => void connection.sendNotification(`textDocument/${method}`, params);
  const ask = <Result>(method: string, params: unknown) => connection.sendRequest<Result>(method, params);
  const hints = (path: string, first: number, last: number) =>
    ask<InlayHint[]>('textDocument/inlayHint', {
      textDocument: identify(path),
      range: { start: { line: first, character: 0 }, end: { line: last, character: 100_000 } },
    });
  const client: LanguageClient = {
    features,
    published,
    messages,
    answers: false,
    get refreshes() {
      return refreshes;
    },
    open: (path, text, languageId = 'jsonl') =>
      send('didOpen', { textDocument: { ...identify(path), languageId, version: ++version, text } }),
    edit: (path, range, text) =>
      send('didChange', {
        textDocument: { ...identify(path), version: ++version },
        contentChanges: [{ range, text }],
      }),
    close: (path) => send('didClose', { textDocument: identify(path) }),
    hints,
    async labels(path, first, last) {
      const found = await hints(path, first, last);
      return found.map(({ position, label }) => `${position.line}:${position.character} ${String(label)}`);
    },
    tooltip: async (hint) => String((await ask<InlayHint>('inlayHint/resolve', hint)).tooltip),
    async lenses(path) {
      const lenses = await ask<CodeLens[]>('textDocument/codeLens', { textDocument: identify(path) });
      return Promise.all(lenses.map((lens) => ask<CodeLens>('codeLens/resolve', lens)));
    },
    async hover(path, line, character) {
      const found = await ask<Hover | null>('textDocument/hover', {
        textDocument: identify(path),
        position: { line, character },
      });
      const contents = found?.contents as { kind: string; value: string } | undefined;
      return contents?.kind === 'plaintext' ? contents.value : undefined;
    },
    fixes: (path, diagnostic) =>
      ask('textDocument/codeAction', {
        textDocument: identify(path),
        range: diagnostic.range,
        context: { diagnostics: [diagnostic] },
      }),
    raw: ask,
    execute: (command, argument) => ask('workspace/executeCommand', { command, arguments: [argument] }),
    diagnostics: (path) => published.findLast(({ uri }) => uri === identify(path).uri)?.diagnostics ?? [],
    async until(look) {
      for (;;) {
        let again = () => {};
        const message = new Promise<void>((resolve) => {
          again = resolve;
        });
        waiting.add(again);
        const found = await look();
        if (found === undefined) await message;
        waiting.delete(again);
        if (found !== undefined) return found;
      }
    },
    end() {
      features.close();
      connection.end();
      connection.dispose();
      server.dispose();
    },
  };
  return client;
}
