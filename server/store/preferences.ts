import type { Vote, VotedPair } from '../feedback/votes.ts';
import type { PreferenceRow, Prompt, Response } from '../protocol/types.ts';
import type { ContentSnapshot, KnownResponse } from './content.ts';
import { choices } from './eventColumns.ts';
import { showable } from './gold.ts';
import type { Pacer } from './pacer.ts';
import type { ResponseNumbers } from './responseNumbers.ts';

/**
 * Why a decision gave no row: a tie of any kind; a skip; its responses are not in the project any more; it answers a gold
 * question, which measures and trains nothing; annotators
 * disagree, as many for one as for the other; it was outvoted; it says again what another annotator has said, or what the
 * same annotator said the second time; it is about pictures (or, where pictures are asked for, about text).
 */
export const reasons = [
  'ties',
  'skips',
  'gone',
  'gold',
  'disagreement',
  'outvoted',
  'agreed',
  'repeats',
  'pictures',
  'text',
] as const;
export type Reason = (typeof reasons)[number];
export type LeftOut = Partial<Record<Reason, number>>;

/** One pair on which the annotators agree, or most of them. */
export interface PreferredPair {
  readonly prompt: Prompt;
  readonly chosen: Response;
  readonly rejected: Response;
  readonly modality: 'text' | 'image';
  /** Of the newest decision that says so. */
  readonly strength: number;
  readonly scale: number;
  /** All who say so, sorted. */
  readonly annotators: readonly string[];
}

export interface Preferred {
  /** In the order of the project's prompts and responses. */
  readonly pairs: readonly PreferredPair[];
  readonly leftOut: LeftOut;
}

/** What the annotators prefer, one row a pair, by majority. Every decision and every skip is in a row or counted. */
export async function preferredPairs(
  voted: AsyncIterable<VotedPair>,
  content: ContentSnapshot,
  numbers: ResponseNumbers,
  wanted: { readonly text: boolean; readonly image: boolean },
  pacer: Pacer,
): Promise<Preferred> {
  const leftOut: LeftOut = {};
  const leave = (reason: Reason, count: number) => {
    if (count > 0) leftOut[reason] = (leftOut[reason] ?? 0) + count;
  };
  const places = await placesOf(content, pacer);
  /** By prompt: one sort of all of them would block for long. */
  const found = content.prompts.map((): PreferredPair[] => []);
  for await (const { low, high, votes } of voted) {
    const sum = (count: (vote: Vote) => number) => votes.reduce((total, vote) => total + count(vote), 0);
    leave(
      'skips',
      sum(({ skips }) => skips),
    );
    const cast = votes.filter(({ row }) => row !== -1);
    const [a, b] = [content.responses.get(numbers.id(low)), content.responses.get(numbers.id(high))];
    if (a === undefined || b === undefined || a.prompt !== b.prompt || a.modality !== b.modality) {
      const isGold = [low, high].every((number) => showable(content, numbers.id(number)) !== undefined);
      leave(
        isGold ? 'gold' : 'gone',
        sum(({ decisions }) => decisions),
      );
      continue;
    }
    if (!wanted[a.modality]) {
      leave(
        a.modality === 'image' ? 'pictures' : 'text',
        sum(({ decisions }) => decisions),
      );
      continue;
    }
    leave(
      'repeats',
      sum(({ decisions }) => Math.max(0, decisions - 1)),
    );
    const pair = majority(cast, a, b, content, leave);
    if (pair !== undefined) found[a.prompt].push(pair);
  }
  const pairs: PreferredPair[] = [];
  await pacer.each(found, (ofPrompt) => {
    const placed = ofPrompt.map((pair) => {
      const [first, second] = [pair.chosen, pair.rejected].map(({ id }) => places.get(id) ?? 0).sort((x, y) => x - y);
      return { pair, first, second };
    });
    placed.sort((x, y) => x.first - y.first || x.second - y.second);
    for (const { pair } of placed) pairs.push(pair);
  });
  return { pairs, leftOut };
}

function majority(
  votes: readonly Vote[],
  low: KnownResponse,
  high: KnownResponse,
  content: ContentSnapshot,
  leave: (reason: Reason, count: number) => void,
): PreferredPair | undefined {
  const of = (choice: number) => votes.filter(({ labels, row }) => labels.events.choice[row] === choice);
  const [forLow, forHigh] = [of(choices.low), of(choices.high)];
  leave('ties', votes.length - forLow.length - forHigh.length);
  if (forLow.length === forHigh.length) {
    leave('disagreement', forLow.length + forHigh.length);
    return undefined;
  }
  const [won, lost] = forLow.length > forHigh.length ? [forLow, forHigh] : [forHigh, forLow];
  leave('outvoted', lost.length);
  leave('agreed', won.length - 1);
  const newest = won.reduce((a, b) =>
    timeOf(a) > timeOf(b) || (timeOf(a) === timeOf(b) && a.labels.name < b.labels.name) ? a : b,
  );
  const { strength, scale } = newest.labels.events;
  const [chosen, rejected] = won === forLow ? [low, high] : [high, low];
  return {
    prompt: content.prompts[low.prompt].prompt,
    chosen: chosen.response,
    rejected: rejected.response,
    modality: low.modality,
    strength: strength[newest.row],
    scale: scale[newest.row],
    annotators: won.map(({ labels }) => labels.name).sort(),
  };
}

const timeOf = ({ labels, row }: Vote): number => labels.events.at[row];

/** The place of each response among all, prompt by prompt. */
async function placesOf({ prompts }: ContentSnapshot, pacer: Pacer): Promise<Map<string, number>> {
  const places = new Map<string, number>();
  await pacer.each(prompts, ({ responses }) => {
    for (const { id } of responses) places.set(id, places.size);
  });
  return places;
}

/** A pair of texts as a row to train on. `text`: of a response, which mostly stands in several pairs. */
export function preferenceRowOf({ prompt, chosen, rejected }: PreferredPair, text = textOf): PreferenceRow {
  return {
    prompt: prompt.content,
    chosen: text(chosen),
    rejected: text(rejected),
    chosenFinished: chosen.finished,
    rejectedFinished: rejected.finished,
  };
}

/** textOf that makes each text once, for as long as this function is kept. */
export function textsOf(): typeof textOf {
  const texts = new Map<Response, string>();
  return (response) => {
    let text = texts.get(response);
    if (text === undefined) {
      text = textOf(response);
      texts.set(response, text);
    }
    return text;
  };
}

/** The text of a response; of one with pictures, what stands between them. */
export function textOf({ parts }: Response): string {
  if (parts.length === 1 && parts[0].type === 'text') return parts[0].text;
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}
