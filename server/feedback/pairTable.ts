import type { Modality, Response } from '../protocol/types.ts';
import { type ContentSnapshot, modalityOf } from '../store/content.ts';
import type { Pacer } from '../store/pacer.ts';
import type { ResponseNumbers } from '../store/responseNumbers.ts';
import { WrittenResponse } from '../store/writtenResponse.ts';
import { isPaired, pairCount, pairsOf } from './pairing.ts';

/** Responses to one prompt that are compared with one another. */
export interface Group {
  /** Place in the content's prompts. */
  readonly prompt: number;
  readonly modality: Modality;
  /** Numbers of the responses; of several with the same text, the first. */
  readonly members: readonly number[];
}

/** Which responses may be compared, and which pairs are asked: of one state of the content. */
export class PairTable {
  readonly groups: Group[] = [];
  readonly prompts: number;
  /** By response number; −1: not in the project. */
  readonly #prompt: Int32Array;
  readonly #modality: Uint8Array;
  /** By response number; −1: never asked. */
  readonly #group: Int32Array;
  readonly #place: Int32Array;

  static async of(content: ContentSnapshot, numbers: ResponseNumbers, pacer: Pacer): Promise<PairTable> {
    // By prompt: all numbers are given before there is a table for them.
    const numbered: number[][] = [];
    let pictures = false;
    await pacer.each(content.prompts, ({ responses }) => {
      numbered.push(responses.map(({ id }) => numbers.number(id)));
      pictures ||= responses.some((response) => modalityOf(response) === 'image');
    });
    const table = new PairTable(content.prompts.length, numbers);
    const order = pictures ? spread(content) : [...content.prompts.keys()];
    await pacer.each(order, (prompt) => {
      const { responses } = content.prompts[prompt];
      table.#add(prompt, 'text', responses, numbered[prompt]);
      if (pictures) table.#add(prompt, 'image', responses, numbered[prompt]);
    });
    return table;
  }

  private constructor(prompts: number, numbers: ResponseNumbers) {
    this.prompts = prompts;
    this.#prompt = new Int32Array(numbers.count).fill(-1);
    this.#group = new Int32Array(numbers.count).fill(-1);
    this.#place = new Int32Array(numbers.count).fill(-1);
    this.#modality = new Uint8Array(numbers.count);
  }

  /** The prompt that both responses answer, with the same kind of response; −1: they are no pair of this project. */
  promptOf(a: number, b: number): number {
    const prompt = this.#prompt[a] ?? -1;
    return prompt === (this.#prompt[b] ?? -1) && this.#modality[a] === this.#modality[b] ? prompt : -1;
  }

  isImage(response: number): boolean {
    return this.#modality[response] === 1;
  }

  /** The group in which the pair is asked; −1: it is not. */
  groupOf(a: number, b: number): number {
    const group = this.#group[a] ?? -1;
    if (group === -1 || group !== this.#group[b]) return -1;
    return isPaired(this.groups[group].members.length, this.#place[a], this.#place[b]) ? group : -1;
  }

  pairCount(group: number): number {
    return pairCount(this.groups[group].members.length);
  }

  *pairs(group: number): Generator<readonly [number, number]> {
    const { members } = this.groups[group];
    for (const [i, j] of pairsOf(members.length)) yield [members[i], members[j]];
  }

  #add(prompt: number, modality: Modality, responses: readonly Response[], numbers: readonly number[]): void {
    // Long texts are compared, not hashed, while they are few.
    const few: Response[] = [];
    const many = responses.length > 32 ? new Set<string>() : undefined;
    const members: number[] = [];
    for (const [place, response] of responses.entries()) {
      if (modalityOf(response) !== modality) continue;
      const number = numbers[place];
      this.#prompt[number] = prompt;
      this.#modality[number] = Number(modality === 'image');
      if (many === undefined) {
        if (few.some((other) => looksLike(response, other))) continue;
        few.push(response);
      } else {
        const looks = looksOf(response);
        if (many.has(looks)) continue;
        many.add(looks);
      }
      members.push(number);
    }
    if (members.length < 2) return;
    for (const [place, number] of members.entries()) {
      this.#group[number] = this.groups.length;
      this.#place[number] = place;
    }
    this.groups.push({ prompt, modality, members });
  }
}

/**
 * Places of the prompts in the order in which they are asked: as they stand in the files, but those with pictures spread
 * evenly among those without, so that whoever labels a little has seen both.
 */
function spread({ prompts, responses }: ContentSnapshot): number[] {
  const answered = prompts.map((_, place) => place).filter((place) => prompts[place].responses.length > 0);
  const hasPictures = (place: number) =>
    prompts[place].responses.some(({ id }) => responses.get(id)?.modality === 'image');
  const kinds = [answered.filter((place) => !hasPictures(place)), answered.filter(hasPictures)];
  const ranked = kinds.flatMap((kind) => kind.map((place, rank) => ({ place, share: (rank + 0.5) / kind.length })));
  return ranked.sort((a, b) => a.share - b.share || a.place - b.place).map(({ place }) => place);
}

function looksLike(a: Response, b: Response): boolean {
  if (a instanceof WrittenResponse && b instanceof WrittenResponse) return a.looksLike(b);
  return looksOf(a) === looksOf(b);
}

/** What a person sees of a response: two that look the same are not compared. */
function looksOf({ parts }: Response): string {
  const [only] = parts;
  if (parts.length === 1 && only.type === 'text') return only.text.trim();
  return JSON.stringify(parts.map((part) => (part.type === 'text' ? part.text.trim() : [part.sha256])));
}
