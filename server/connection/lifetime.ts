import {
  type Connection,
  createConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ProposedFeatures,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { faultText, logTo } from './log.ts';
import type { Server } from './serve.ts';

/** Longer than the editor waits for an answer it stops waiting at all, and kills. */
const secondsToShutDown = 1.5;
/** Without an editor nobody waits. What takes longer is finished by the engine alone, after its parent. */
const secondsToEnd = 8;

/** The connection to whoever started this process: over Node's IPC channel, or with --stdio over the standard streams. */
export function openConnection(args: readonly string[] = process.argv): Connection {
  // Readers and writers of our own: those of the library end the process at once when the editor is gone.
  const [reader, writer] = args.includes('--stdio')
    ? [new StreamMessageReader(process.stdin), new StreamMessageWriter(process.stdout)]
    : [new IPCMessageReader(process), new IPCMessageWriter(process)];
  return createConnection(ProposedFeatures.all, reader, writer);
}

/**
 * Ends this process, once everything is saved, when the editor asks for it or is gone. The engine notices the end of its
 * parent by itself: what it cannot save in time it saves afterwards, and ends.
 */
export function endWithClient(connection: Connection, server: Server): void {
  let ending = false;
  const end = (code: number) => {
    if (ending) return;
    ending = true;
    void within(server.close(), secondsToEnd).finally(() => process.exit(code));
  };
  connection.onShutdown(() => within(server.close(), secondsToShutDown));
  process.on('disconnect', () => end(0));
  if (!process.connected) {
    process.stdin.on('end', () => end(0));
    process.stdin.on('close', () => end(0));
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end(0));
  // Nobody reads them any more; 'end' or 'disconnect' follows.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const log = logTo(connection);
  const fault = (what: string) => (error: unknown) => log(faultText(what, error));
  process.on('unhandledRejection', fault('Unhandled rejection'));
  process.on('uncaughtException', fault('Uncaught exception'));
}

function within(work: Promise<void>, seconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    void work
      .catch(() => {})
      .finally(() => {
        clearTimeout(timer);
        resolve();
      });
  });
}
