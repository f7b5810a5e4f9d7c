import type { Connection } from 'vscode-languageserver/node';
import type { ServerNotification, ServerNotifications } from '../protocol/client.ts';
import { wireName } from './dispatcher.ts';
import { createThrottle } from './throttle.ts';

/** Tells the editor: at most four times a second about the same thing, the newest last. */
export interface Notifier {
  /** @param about what of the same name and `about` replaces each other */
  send<Name extends ServerNotification>(name: Name, params: ServerNotifications[Name], about: string): void;
  close(): void;
}

const milliseconds = 250;

export function createNotifier(connection: Pick<Connection, 'sendNotification'>): Notifier {
  const throttle = createThrottle<{ readonly name: ServerNotification; readonly params: object }>(
    milliseconds,
    // An editor that is gone is noticed elsewhere. Sending throws at once, or rejects later.
    ({ name, params }) => void (async () => connection.sendNotification(wireName(name), params))().catch(() => {}),
  );
  return {
    send: (name, params, about) => throttle.take(`${name} ${about}`, { name, params }),
    close: () => throttle.close(),
  };
}
