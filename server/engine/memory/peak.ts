import { readFileSync } from 'node:fs';

/**
 * The most memory that this process has held so far, in bytes. Linux passes what a parent holds on to a child's
 * `maxRSS`; its status file counts from the child's own beginning.
 */
export function peakMemory(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (found) return Number(found[1]) * 1024;
  } catch {
    // Another system.
  }
  return process.resourceUsage().maxRSS * 1024;
}
