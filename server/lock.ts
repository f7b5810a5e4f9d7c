import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { UserError } from './errors.ts';

const beatSeconds = 5;
/** One step of training blocks its process; no step takes this long. */
const deadSeconds = 600;

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in the system's own terms, where it says so: a process id is used again after a while. */
  readonly started: string | null;
  readonly token: string;
  /** What the holder says it is about: a run's id. */
  readonly subject?: string;
}

/** A lock file that this process holds. The file's modification time is the heartbeat. */
export interface Lock {
  /** Call often. Answers false where another process took the lock over, as it may after a long suspension. */
  beat(): boolean;
  release(): void;
}

/**
 * Takes a lock file. A lock whose process is gone, or whose heartbeat stopped ten minutes ago, is taken over.
 *
 * @returns the lock, or who holds it
 * @throws UserError where it can be neither taken nor read
 */
export function takeLock(
  path: string,
  options: { readonly subject?: string } = {},
): { readonly lock: Lock } | { readonly holder: LockHolder } {
  const token = randomUUID();
  const { subject } = options;
  const content = { pid: process.pid, host: hostname(), started: processStart(process.pid), token, subject };
  mkdirSync(dirname(path), { recursive: true });
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(content), { flag: 'wx' });
      return { lock: heldLock(path, token) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readLock(path);
    if (holder !== undefined && isAlive(path, holder)) return { holder };
    if (attempt === 10) throw new UserError(`${path} cannot be taken. Remove it if no training runs there.`);
    if (holder !== undefined) setAside(path, holder);
  }
}

/** Who holds a lock now. Undefined: nobody, or a process that is gone. */
export function lockHolder(path: string): LockHolder | undefined {
  const holder = readLock(path);
  return holder !== undefined && isAlive(path, holder) ? holder : undefined;
}

/** "process 4711 on another-host; last sign of life 3 s ago" */
export function describeHolder(path: string, { pid, host }: LockHolder): string {
  const where = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
  return `${where}; last sign of life ${Math.round(secondsSinceBeat(path))} s ago`;
}

function heldLock(path: string, token: string): Lock {
  let beaten = Date.now();
  return {
    beat() {
      const now = Date.now();
      if (now - beaten < beatSeconds * 1000) return true;
      if (readLock(path)?.token !== token) return false;
      beaten = now;
      utimesSync(path, new Date(now), new Date(now));
      return true;
    },
    release() {
      if (readLock(path)?.token === token) rmSync(path, { force: true });
    },
  };
}

/** Two processes may find the same stale lock; the one that renames it second must not remove the first one's new lock. */
function setAside(path: string, stale: LockHolder): void {
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
function readLock(path: string): LockHolder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { pid, host, started, token, subject } = JSON.parse(text);
    if (typeof pid === 'number' && typeof host === 'string') {
      const about = typeof subject === 'string' ? { subject } : {};
      return { pid, host, started: started ?? null, token: String(token), ...about };
    }
  } catch {
    // Falls through.
  }
  return { pid: 0, host: hostname(), started: null, token: '' };
}

function isAlive(path: string, { pid, host, started }: LockHolder): boolean {
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

/** Whether a process of this machine is there and not only waiting to be buried. */
export function processExists(pid: number): boolean {
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
