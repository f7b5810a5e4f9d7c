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
  readonly votes: Vote[];
}

/** All pairs that somebody has labelled, each with one vote an annotator. */
export async function votedPairs(annotators: Iterable<AnnotatorLabels>, pacer: Pacer): Promise<VotedPair[]> {
  const pairs = new Map<number, VotedPair>();
  for (const labels of annotators) {
    for (const key of labels.comparisons()) {
      const { low, high, repeat } = partsOfKey(key);
      const first = labels.current(comparisonKey(low, high, false));
      const second = labels.current(comparisonKey(low, high, true));
      if (first === -1 && second === -1) continue;
      // Once a pair: at its first showing, if there is anything of that.
      if (repeat && first !== -1) continue;
      const rows = [first, second].filter((row) => row !== -1);
      const decisions = rows.filter((row) => labels.events.kind[row] === kinds.decide).length;
      const vote = { labels, row: newerDecision(labels, first, second), decisions, skips: rows.length - decisions };
      const name = comparisonKey(low, high, false);
      const pair = pairs.get(name);
      if (pair === undefined) pairs.set(name, { low, high, votes: [vote] });
      else pair.votes.push(vote);
      if (pacer.isTired) await pacer.rest();
    }
  }
  return [...pairs.values()];
}
