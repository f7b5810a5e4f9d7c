import { HexIds, type KeptIds, type Words, wordsOf } from './hexIds.ts';

/** Small numbers for responses' ids, the same as long as the project is open. */
export class ResponseNumbers {
  #ids = new HexIds();
  readonly #words = new Uint32Array(4);

  /** What makes the same numbers again. */
  get kept(): KeptIds {
    return this.#ids.kept;
  }

  /** Begins anew with these. */
  restore(kept: KeptIds): void {
    this.#ids = new HexIds(kept);
  }

  get count(): number {
    return this.#ids.count;
  }

  number(id: string): number {
    return this.numberOf(wordsOf(id, this.#words));
  }

  /** The id's four words begin at place `at`. */
  numberOf(words: Words, at = 0): number {
    const known = this.#ids.find(words, at);
    return known === -1 ? this.#ids.add(words, at) : known;
  }

  id(number: number): string {
    return this.#ids.digitsOf(number);
  }

  /** The id's first eight digits as a number. */
  firstWord(number: number): number {
    return this.#ids.firstWord(number);
  }

  /** Negative: the id of `a` comes first. */
  compare(a: number, b: number): number {
    return this.#ids.compare(a, b);
  }
}
