import { readdirSync, readFileSync } from 'node:fs';
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

/** A process that is alive, as the system describes it. */
export interface LiveProcess {
  readonly pid: number;
  readonly command: string;
}

/** Whether `processesWith` can see anything here. */
export const processesAreVisible = process.platform === 'linux';

/** Every live process whose environment holds `name=value`: a mark that children inherit, however they are started. */
export function processesWith(name: string, value: string): LiveProcess[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && readProc(pid, 'environ').split('\0').includes(`${name}=${value}`))
    .map((pid) => ({ pid, command: readProc(pid, 'cmdline').replaceAll('\0', ' ').trim() }))
    .filter(({ command }) => command !== '');
}

/** Empty where the process has just ended, is a zombie, or is somebody else's. */
function readProc(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
