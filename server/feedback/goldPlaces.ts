import { type AnnotatorLabels, type ComparisonKey, comparisonKey } from '../store/annotatorLabels.ts';
import { drawsOf } from './draws.ts';

/** One comparison of so many is a gold question. */
export const goldDistance = 12;

/**
 * Whether a gold question stands at a place of an annotator's sequence: at one place of each twelve, drawn, so that
 * nobody can count to it.
 *
 * @param place comparisons before it
 */
export function isGoldPlace(place: number, seed: number, annotator: string): boolean {
  const dozen = Math.floor(place / goldDistance);
  return place % goldDistance === Math.floor(drawsOf('gold', seed, annotator)(dozen, dozen) * goldDistance);
}

/** The gold questions that an annotator has not answered and does not see, in the order of the files. */
export function* openGold(
  pairs: readonly (readonly [number, number])[],
  labels: AnnotatorLabels,
  taken: ReadonlySet<ComparisonKey>,
): Generator<readonly [number, number], undefined> {
  for (const pair of pairs) {
    const key = comparisonKey(...pair, false);
    if (!taken.has(key) && labels.current(key) === -1) yield pair;
  }
}
