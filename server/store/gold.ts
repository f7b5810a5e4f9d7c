import type { Modality, Prompt, Response } from '../protocol/types.ts';
import { type ComparisonKey, comparisonKey } from './annotatorLabels.ts';
import type { ContentSnapshot, KnownResponse } from './content.ts';
import { ContentFile } from './contentFile.ts';
import { type PromptIds, promptIdOf, responseIdOf } from './contentIds.ts';
import type { JsonLine } from './jsonLines.ts';
import type { ResponseNumbers } from './responseNumbers.ts';
import { preferenceOf } from './rows.ts';

export const goldFolder = 'gold';

/** A comparison whose answer is known: it measures the annotator, and trains nothing. */
export interface GoldPair {
  readonly prompt: Prompt;
  readonly chosen: Response;
  readonly rejected: Response;
}

/** Gold questions by the ids of their responses. */
export interface Gold {
  readonly pairs: readonly GoldPair[];
  /** Responses that a gold question shows, with their prompts. */
  readonly responses: ReadonlyMap<string, { readonly response: Response; readonly prompt: Prompt }>;
}

export const noGold: Gold = { pairs: [], responses: new Map() };

/** One file of gold/: TRL's preference rows, of text. */
export class GoldFile extends ContentFile<GoldPair> {
  constructor(path: string, name: string, promptIds: PromptIds) {
    super(path, name, promptIds, { kind: 'lines' });
  }

  protected override read(line: JsonLine): void {
    const { prompt: content, chosen, rejected, chosenFinished = true, rejectedFinished = true } = preferenceOf(line);
    const id = promptIdOf(content);
    const response = (text: string, finished: boolean): Response => {
      const parts = [{ type: 'text' as const, text }];
      return { id: responseIdOf(id, parts), parts, finished };
    };
    this.rows.push({
      prompt: { id, content },
      chosen: response(chosen, chosenFinished),
      rejected: response(rejected, rejectedFinished),
    });
  }
}

/** Of several rows about the same two responses the first counts: a question has one answer. */
export function goldOf(files: readonly GoldFile[]): Gold {
  const pairs = new Map<string, GoldPair>();
  const responses = new Map<string, { response: Response; prompt: Prompt }>();
  for (const row of files.flatMap(({ rows }) => rows)) {
    if (row === undefined) continue;
    const name = [row.chosen.id, row.rejected.id].sort().join('.');
    if (pairs.has(name)) continue;
    pairs.set(name, row);
    for (const response of [row.chosen, row.rejected]) responses.set(response.id, { response, prompt: row.prompt });
  }
  return { pairs: [...pairs.values()], responses };
}

/** What may be shown and decided about: a response of the project, or one of a gold question. */
export interface ShowableResponse {
  readonly response: Response;
  readonly prompt: Prompt;
  readonly modality: Modality;
}

export function showable(content: ContentSnapshot, id: string): ShowableResponse | undefined {
  const known: KnownResponse | undefined = content.responses.get(id);
  if (known !== undefined) {
    return { response: known.response, prompt: content.prompts[known.prompt].prompt, modality: known.modality };
  }
  const gold = content.gold.responses.get(id);
  return gold && { ...gold, modality: 'text' };
}

/** The right answer, as the number of a response, by the key of its comparison. */
export type GoldAnswers = ReadonlyMap<ComparisonKey, number>;

export function goldAnswers({ gold }: ContentSnapshot, numbers: ResponseNumbers): GoldAnswers {
  return new Map(
    gold.pairs.map(({ chosen, rejected }) => {
      const [right, wrong] = [numbers.number(chosen.id), numbers.number(rejected.id)];
      return [comparisonKey(Math.min(right, wrong), Math.max(right, wrong), false), right];
    }),
  );
}
