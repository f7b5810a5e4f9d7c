import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../download/running.ts';

const prefix = '.staging-';

/** A new folder beside the installations, in which one is put together; its name tells whose it is. */
export function newStaging(home: string): string {
  return mkdtempSync(join(home, `${prefix}${process.pid}-`));
}

/** Removes what a set-up that was killed left behind, but not what another one is at work on. */
export function removeLeftovers(home: string): void {
  mkdirSync(home, { recursive: true });
  for (const name of readdirSync(home)) {
    const owner = new RegExp(`^\\${prefix}(\\d+)-`).exec(name)?.[1];
    if (owner && !isRunning(Number(owner))) rmSync(join(home, name), { recursive: true, force: true });
  }
}
