import type { Connection } from 'vscode-languageserver/node';

export type Log = (message: string) => void;

/** Writes to the editor's log. An editor that is gone is no fault: nobody is there to read. */
export function logTo(connection: Pick<Connection, 'console'>): Log {
  return (message) => {
    try {
      connection.console.error(message);
    } catch {
      // The channel is closed.
    }
  };
}

/** "Resuming the run: TypeError: … at …" */
export function faultText(what: string, error: unknown): string {
  return `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
