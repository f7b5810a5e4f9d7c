import type { Pick } from './scale.ts';

/** What a person has put in for a pair that is not decided yet. */
export interface Draft {
  readonly comment: string;
  /** −k … k in favour of B. */
  readonly aspects: Readonly<Record<string, number>>;
  /** Picked, to be submitted with Enter. */
  readonly pick?: Pick;
  /** How it was decided before it was taken back: shown, not picked. */
  readonly before?: Pick;
  /** Why it came back. */
  readonly sentence?: string;
}

export const emptyDraft: Draft = { comment: '', aspects: {} };

/** A reload carries no more than this over. */
const most = 50;

export interface Drafts {
  of(comparison: Named): Draft;
  change(comparison: Named, change: Partial<Draft>): Draft;
  drop(id: string): void;
  kept(): Record<string, Draft>;
}

interface Named {
  readonly id: string;
}

/** @param kept what `kept` gave before the page was reloaded; anything else in it is left out */
export function createDrafts(kept: unknown): Drafts {
  const drafts = new Map<string, Draft>(readDrafts(kept));
  return {
    of: ({ id }) => drafts.get(id) ?? emptyDraft,
    change({ id }, change) {
      const draft = { ...(drafts.get(id) ?? emptyDraft), ...change };
      // The newest is last, so that the oldest is left out first.
      drafts.delete(id);
      drafts.set(id, draft);
      return draft;
    },
    drop: (id) => void drafts.delete(id),
    kept: () => Object.fromEntries([...drafts].slice(-most)),
  };
}

function readDrafts(kept: unknown): [string, Draft][] {
  if (typeof kept !== 'object' || kept === null) return [];
  return Object.entries(kept).flatMap(([id, value]): [string, Draft][] => {
    if (typeof value !== 'object' || value === null) return [];
    const { comment, aspects, pick, before, sentence } = value as Record<string, unknown>;
    const isPick = (found: unknown): found is Pick =>
      (Number.isInteger(found) && (found as number) >= 1 && (found as number) <= 8) ||
      found === 'tie' ||
      found === 'bothGood' ||
      found === 'bothBad';
    const ratings = Object.entries(typeof aspects === 'object' && aspects !== null ? aspects : {}).filter(
      (entry): entry is [string, number] => Number.isInteger(entry[1]),
    );
    const draft: Draft = {
      comment: typeof comment === 'string' ? comment : '',
      aspects: Object.fromEntries(ratings),
      ...(isPick(pick) ? { pick } : {}),
      ...(isPick(before) ? { before } : {}),
      ...(typeof sentence === 'string' ? { sentence } : {}),
    };
    return [[id, draft]];
  });
}
