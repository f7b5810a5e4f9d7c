import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { UserError } from '../../errors.ts';
import { count } from './files.ts';

/**
 * Bytes that this process can still take without pushing anything out: the kernel's MemAvailable (caches count as
 * free), and no more than a container's limit leaves.
 */
export function availableMemory(): number {
  const ofSystem = memAvailable() ?? freemem();
  // Knows the limits of containers (Node 20.13 and newer); 0 or a huge number where there is none.
  const ofContainer = typeof process.availableMemory === 'function' ? process.availableMemory() : 0;
  const limited = process.constrainedMemory?.() ?? 0;
  return limited > 0 && limited < 2 ** 52 && ofContainer > 0 ? Math.min(ofSystem, ofContainer) : ofSystem;
}

export interface MemoryNeed {
  /** What is about to be done, as the subject of a sentence: "Loading /models/x.gguf". */
  readonly what: string;
  /** Bytes that it takes at its peak. */
  readonly bytes: number;
  /** What would fit, given the bytes at hand: a sentence. */
  readonly wouldFit: (availableBytes: number) => string;
}

/** Throws a UserError that says what is needed, what there is and what would fit, where memory will not suffice. */
export function checkMemory(need: MemoryNeed, available: number = availableMemory()): void {
  if (need.bytes <= available) return;
  throw new UserError(
    `${need.what} needs about ${gigabytes(need.bytes)} of memory, and ${gigabytes(available)} is available. ${need.wouldFit(available)}`,
  );
}

/** "1.2 GB" */
export function gigabytes(bytes: number): string {
  if (bytes < 1e8) return `${count(Math.max(0, Math.round(bytes / 1e6)))} MB`;
  return bytes < 1e11 ? `${(bytes / 1e9).toFixed(1)} GB` : `${count(Math.round(bytes / 1e9))} GB`;
}

function memAvailable(): number | undefined {
  try {
    const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
    return line ? Number(line[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
