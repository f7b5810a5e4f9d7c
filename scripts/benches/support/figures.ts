import { peakMemory } from '../../../server/engine/memory/peak.ts';
import type { Bar } from '../../figures.ts';

/** A figure on its way from the process that measured it. */
export interface Measured {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bar?: Bar;
}

/** By name, each measured in a process of its own. */
export type Parts = Readonly<Record<string, () => Promise<Measured[]>>>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The most memory that this process has held so far, GB (10⁹ bytes). */
export function peakGigabytes(): number {
  return peakMemory() / 1e9;
}
