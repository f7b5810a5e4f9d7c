import type { AnnotatorLabels } from '../store/annotatorLabels.ts';
import { comparisonKey, partsOfKey } from '../store/annotatorLabels.ts';
import { kinds } from '../store/eventColumns.ts';
import type { Pacer } from '../store/pacer.ts';
import { newerDecision } from './tally.ts';

/** What one annotator says about a pair now. */
export interface Vote {
  readonly labels: AnnotatorLabels;
  /** Row of the decision that counts; −1: the pair was only skipped. */
  readonly row: number;
  /** Decisions about both showings of the pair that stand: 1, or 2 where it came back. */
  readonly decisions: number;
  readonly skips: number;
}

export interface VotedPair {
  readonly low: number;
  readonly high: number;
  readonly votes: readonly Vote[];
}

/**
 * All pairs that somebody has labelled, each with one vote an annotator. They are made one at a time: 100,000 at once
 * would take much memory.
 */
export async function* votedPairs(annotators: Iterable<AnnotatorLabels>, pacer: Pacer): AsyncGenerator<VotedPair> {
  const all = [...annotators];
  for (const [place, labels] of all.entries()) {
    for (const key of labels.comparisons()) {
      if (pacer.isTired) await pacer.rest();
      const { low, high, repeat } = partsOfKey(key);
      // Once a pair: at its first showing, if there ever was one.
      if (repeat && labels.wasLabelled(comparisonKey(low, high, false))) continue;
      const own = voteOf(labels, low, high);
      if (own === undefined || all.slice(0, place).some((other) => voteOf(other, low, high) !== undefined)) continue;
      const votes = [own, ...all.slice(place + 1).flatMap((other) => voteOf(other, low, high) ?? [])];
      yield { low, high, votes };
    }
  }
}

function voteOf(labels: AnnotatorLabels, low: number, high: number): Vote | undefined {
  const first = labels.current(comparisonKey(low, high, false));
  const second = labels.current(comparisonKey(low, high, true));
  const rows = [first, second].filter((row) => row !== -1);
  if (rows.length === 0) return undefined;
  const decisions = rows.filter((row) => labels.events.kind[row] === kinds.decide).length;
  return { labels, row: newerDecision(labels, first, second), decisions, skips: rows.length - decisions };
}
