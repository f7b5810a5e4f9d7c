import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';

const lockName = 'lock.json';
const beatSeconds = 5;
/** One step blocks the process; no step takes this long. */
const deadSeconds = 600;

interface LockContent {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in the system's own terms, where it says so: a process id is used again after a while. */
  readonly started: string | null;
  readonly token: string;
}

/** Holds a run's folder for this process. The file's modification time is the heartbeat. */
export interface RunLock {
  /** Call often. Throws a UserError where another process took the run over, as it may after a long suspension. */
  beat(): void;
  release(): void;
}

/**
 * Takes the lock of a run's folder. A lock whose process is gone, or whose heartbeat stopped ten minutes ago, is taken
 * over.
 *
 * @throws UserError where another process is training there
 */
export function takeRunLock(folder: string): RunLock {
  const path = join(folder, lockName);
  const token = randomUUID();
  const content: LockContent = { pid: process.pid, host: hostname(), started: processStart(process.pid), token };
  mkdirSync(folder, { recursive: true });
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(content), { flag: 'wx' });
      return heldLock(path, token);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readLock(path);
    if (holder !== undefined && isAlive(path, holder)) throw heldElsewhere(folder, path, holder);
    if (attempt === 10) throw new UserError(`${path} cannot be taken. Remove it if no training runs in ${folder}.`);
    if (holder !== undefined) setAside(path, holder);
  }
}

function heldLock(path: string, token: string): RunLock {
  let beaten = Date.now();
  return {
    beat() {
      const now = Date.now();
      if (now - beaten < beatSeconds * 1000) return;
      if (readLock(path)?.token !== token) {
        throw new UserError(
          `Another process took the run over: ${path} is no longer this process's. Training stopped here.`,
        );
      }
      beaten = now;
      utimesSync(path, new Date(now), new Date(now));
    },
    release() {
      if (readLock(path)?.token === token) rmSync(path, { force: true });
    },
  };
}

/** Two processes may find the same stale lock; the one that renames it second must not remove the first one's new lock. */
function setAside(path: string, stale: LockContent): void {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const taken = readLock(aside);
  if (taken !== undefined && taken.token !== stale.token) renameSync(aside, path);
  else rmSync(aside, { force: true });
}

/** undefined: there is none. A lock that cannot be read (its writer was killed) has no living holder. */
function readLock(path: string): LockContent | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { pid, host, started, token } = JSON.parse(text);
    if (typeof pid === 'number' && typeof host === 'string')
      return { pid, host, started: started ?? null, token: String(token) };
  } catch {
    // Falls through.
  }
  return { pid: 0, host: hostname(), started: null, token: '' };
}

function isAlive(path: string, { pid, host, started }: LockContent): boolean {
  if (host === hostname()) {
    if (pid <= 0 || !processExists(pid)) return false;
    if (started !== null && processStart(pid) !== started) return false;
  }
  return secondsSinceBeat(path) < deadSeconds;
}

function secondsSinceBeat(path: string): number {
  try {
    return (Date.now() - statSync(path).mtimeMs) / 1000;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // A killed process whose parent has not looked yet still has its number.
  return !/^[ZX]/.test(processStatus(pid)?.at(0) ?? '');
}

function processStart(pid: number): string | null {
  return processStatus(pid)?.at(19) ?? null;
}

/** The fields of /proc/PID/stat from the third on (proc(5)): state first, start time the twentieth. Linux only. */
function processStatus(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function heldElsewhere(folder: string, path: string, { pid, host }: LockContent): UserError {
  const where = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
  return new UserError(
    `A training is under way in ${folder} (${where}; last sign of life ${Math.round(secondsSinceBeat(path))} s ago). ` +
      'Stop it first, or choose another folder.',
  );
}
