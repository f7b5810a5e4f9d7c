import { nearestName } from '../config.ts';
import { UserError } from '../errors.ts';
import { votedPairs } from '../feedback/votes.ts';
import type { PreferenceRow } from '../protocol/types.ts';
import type { AnnotatorLabels } from './annotatorLabels.ts';
import { annotatorNamed } from './annotatorName.ts';
import { Pacer } from './pacer.ts';
import { type Preferred, type PreferredPair, preferenceRowOf, preferredPairs, textOf, textsOf } from './preferences.ts';
import type { ProjectState } from './projectState.ts';
import type { LabelledResponse } from './projectStore.ts';

/**
 * The annotators of these names; absent: all who have labelled anything.
 *
 * @throws UserError for a name that has not
 */
export function annotatorsIn({ folder, index }: ProjectState, names: readonly string[] | undefined): AnnotatorLabels[] {
  const known = [...index.annotators.values()].filter(({ events }) => events.count > 0);
  if (names === undefined) return known;
  return [...new Set(names.map(annotatorNamed))].map((name) => {
    const labels = known.find((candidate) => candidate.name === name);
    if (labels !== undefined) return labels;
    const all = known.map((candidate) => candidate.name);
    const nearest = nearestName(name, all);
    const hint = nearest ? `Did you mean ${nearest}?` : `There are: ${all.join(', ') || 'none yet'}.`;
    throw new UserError(`There is no annotator ${JSON.stringify(name)} in ${folder}. ${hint}`);
  });
}

/** What these annotators prefer. */
export async function preferredIn(
  state: ProjectState,
  names: readonly string[] | undefined,
  wanted: { readonly text: boolean; readonly image: boolean },
): Promise<Preferred> {
  const pacer = new Pacer();
  const voted = votedPairs(annotatorsIn(state, names), pacer);
  return preferredPairs(voted, state.content, state.numbers, wanted, pacer);
}

export async function preferenceRowsOf(pairs: readonly PreferredPair[]): Promise<PreferenceRow[]> {
  const rows: PreferenceRow[] = [];
  const text = textsOf();
  await new Pacer().each(pairs, (pair) => rows.push(preferenceRowOf(pair, text)));
  return rows;
}

/** The texts that somebody has decided about. */
export async function labelledResponsesIn({ content, numbers, index }: ProjectState): Promise<LabelledResponse[]> {
  const found = new Map<string, LabelledResponse>();
  for await (const { low, high, votes } of votedPairs(index.annotators.values(), new Pacer())) {
    if (votes.every(({ row }) => row === -1)) continue;
    for (const number of [low, high]) {
      const known = content.responses.get(numbers.id(number));
      if (known?.modality !== 'text') continue;
      const { id, finished } = known.response;
      found.set(id, { id, prompt: content.prompts[known.prompt].prompt, text: textOf(known.response), finished });
    }
  }
  return [...found.values()];
}
