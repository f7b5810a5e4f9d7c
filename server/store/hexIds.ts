export interface KeptIds {
  readonly words: Uint32Array;
  readonly count: number;
  readonly table: Int32Array;
}

/**
 * Ids of 128 bits, as four words of 32 bits each, and their numbers in order of arrival. 100,000 strings in a Map would
 * take most of the time of opening a project, in the garbage collector.
 */
export class HexIds {
  #words: Uint32Array;
  #count: number;
  /** Open addressing: number + 1, or 0 where it is free. At most half full. */
  #table: Int32Array;

  constructor(
    { words, count, table }: KeptIds = { words: new Uint32Array(4096), count: 0, table: new Int32Array(4096) },
  ) {
    this.#words = words;
    this.#count = count;
    this.#table = table;
  }

  /** What makes the same ids again. */
  get kept(): KeptIds {
    return { words: this.#words, count: this.#count, table: this.#table };
  }

  get count(): number {
    return this.#count;
  }

  /** −1: it is not there. The id's four words begin at place `at`. */
  find(words: Words, at = 0): number {
    return this.#table[this.#slot(words[at], words[at + 1], words[at + 2], words[at + 3])] - 1;
  }

  /** Adds an id; −1: it is there already. */
  add(words: Words, at = 0): number {
    let slot = this.#slot(words[at], words[at + 1], words[at + 2], words[at + 3]);
    if (this.#table[slot] !== 0) return -1;
    if (4 * (this.#count + 1) > this.#words.length) {
      this.#grow();
      slot = this.#slot(words[at], words[at + 1], words[at + 2], words[at + 3]);
    }
    for (let k = 0; k < 4; k++) this.#words[4 * this.#count + k] = words[at + k];
    this.#count++;
    this.#table[slot] = this.#count;
    return this.#count - 1;
  }

  /** The id's first eight digits as a number. */
  firstWord(number: number): number {
    return this.#words[4 * number];
  }

  /** All 32 digits. */
  digitsOf(number: number): string {
    let text = '';
    for (let at = 4 * number; at < 4 * number + 4; at++) {
      const word = this.#words[at];
      text += twoDigits[word >>> 24] + twoDigits[(word >>> 16) & 255] + twoDigits[(word >>> 8) & 255];
      text += twoDigits[word & 255];
    }
    return text;
  }

  /** Negative: the id of `a` comes first. */
  compare(a: number, b: number): number {
    for (let k = 0; k < 4; k++) {
      const difference = this.#words[4 * a + k] - this.#words[4 * b + k];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Where the id stands in the table, or the free place where it belongs. */
  #slot(first: number, second: number, third: number, fourth: number): number {
    const mask = this.#table.length - 1;
    const known = this.#words;
    for (let slot = hashOf(first, fourth) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#table[slot] - 1;
      if (number === -1) return slot;
      const at = 4 * number;
      if (known[at] === first && known[at + 1] === second && known[at + 2] === third && known[at + 3] === fourth) {
        return slot;
      }
    }
  }

  #grow(): void {
    const words = new Uint32Array(grownCapacity(this.#words.length));
    words.set(this.#words);
    this.#words = words;
    this.#table = new Int32Array(words.length);
    for (let number = 0; number < this.#count; number++) {
      const at = 4 * number;
      this.#table[this.#slot(words[at], words[at + 1], words[at + 2], words[at + 3])] = number + 1;
    }
  }
}

/** For how many a table is made that was full at this many: small ones grow fast, large ones waste little. */
export function grownCapacity(capacity: number): number {
  return capacity * (capacity < 2 ** 16 ? 4 : 2);
}

/** Four words of 32 bits, or several ids one after the other. */
export type Words = Uint32Array;

/** A UUID. */
export function isUuid(id: unknown): id is string {
  return typeof id === 'string' && id.length === 36 && /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id);
}

/** Of a UUID, or of 32 hexadecimal digits. `words`: where they are put. */
export function wordsOf(id: string, words: Words = new Uint32Array(4)): Words {
  let word = 0;
  let digits = 0;
  for (let k = 0; k < id.length; k++) {
    const code = id.charCodeAt(k);
    if (code === 45) continue;
    // '0'–'9', 'A'–'F', 'a'–'f'
    word = (word << 4) | (code < 58 ? code - 48 : (code & 7) + 9);
    digits++;
    if (digits % 8 === 0) words[digits / 8 - 1] = word;
  }
  return words;
}

/** 32 digits as a UUID is written. */
export function uuidOf(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const twoDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hashOf(first: number, last: number): number {
  return Math.imul(first ^ Math.imul(last, 0x9e3779b1), 0x85ebca6b) >>> 7;
}
