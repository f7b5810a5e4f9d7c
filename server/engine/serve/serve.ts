import { constants, setPriority } from 'node:os';
import type { EngineMessage, TaskHandlers } from '../../protocol/engine.ts';
import { Dispatcher } from './dispatcher.ts';

/**
 * Makes this process an engine: it serves its parent's requests and ends when the parent does. Call once.
 *
 * @throws Error where the process was not forked
 */
export function serveParent(handlers: TaskHandlers): void {
  if (!process.send) throw new Error('The engine is started by Palate, not by hand.');
  lowerPriority();
  const dispatcher = new Dispatcher({ send: sendToParent }, handlers);
  // Whatever is under way stops at its next yield; training saves first.
  const end = () => void dispatcher.stopAll().finally(() => process.exit(0));
  process.on('message', (message) => dispatcher.receive(message));
  process.on('disconnect', end);
  process.on('SIGTERM', end);
  // Ctrl+C and a closed terminal reach every process of the group; what follows is the parent's to decide.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  // Nobody reads them once the parent is gone; there is still something to save.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** The editor and the terminal stay quick while a model trains. */
function lowerPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Some containers forbid it; it is a courtesy.
  }
}

function sendToParent(message: EngineMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    // The callback gets an error where the parent is gone; 'disconnect' follows.
    const keptUp = process.send(message, undefined, undefined, () => resolve());
    if (keptUp) resolve();
  });
}
