import { setTimeout as delay } from 'node:timers/promises';
import { processExists } from '../../server/lock.ts';

/** Resolves when a process that is not this one's child is gone: nothing tells of it, so it is looked at. */
export async function gone(pid: number, seconds = 30): Promise<void> {
  const until = Date.now() + seconds * 1000;
  while (processExists(pid)) {
    if (Date.now() > until) throw new Error(`The process ${pid} still runs after ${seconds} s.`);
    await delay(20);
  }
}
