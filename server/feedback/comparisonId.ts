import { isContentId } from '../store/contentIds.ts';

export interface ComparisonName {
  /** Ids of the two responses, sorted. */
  readonly responses: readonly [string, string];
  /** The pair came back with its sides swapped. */
  readonly repeat: boolean;
}

/** "<id>.<id>" of a pair, "<id>.<id>.2" when it comes back. */
export function comparisonId({ responses: [first, second], repeat }: ComparisonName): string {
  return `${first}.${second}${repeat ? '.2' : ''}`;
}

/** Undefined: it is none. */
export function readComparisonId(id: string): ComparisonName | undefined {
  const [first, second, round, ...rest] = id.split('.');
  if (!isContentId(first) || !isContentId(second) || first >= second || rest.length > 0) return undefined;
  if (round !== undefined && round !== '2') return undefined;
  return { responses: [first, second], repeat: round === '2' };
}
