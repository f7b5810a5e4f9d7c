/**
 * Ids of events as four 32-bit words each, and their rows by id. 100,000 strings in a Map would take most of the time of
 * opening a project, in the garbage collector.
 */
export class EventIds {
  #words = new Uint32Array(4 * 1024);
  #count = 0;
  /** Open addressing: row + 1, or 0 where it is free. At most half full. */
  #table = new Int32Array(4096);

  /** Adds an id with the next row; false: it is there already. */
  add(id: string): boolean {
    const words = wordsOf(id);
    if (this.#find(words) !== -1) return false;
    if (4 * (this.#count + 1) > this.#words.length) this.#grow();
    this.#words.set(words, 4 * this.#count);
    this.#count++;
    this.#enter(this.#count - 1);
    return true;
  }

  /** −1: it is not there. */
  rowOf(id: string): number {
    return isEventId(id) ? this.#find(wordsOf(id)) : -1;
  }

  idOf(row: number): string {
    const hex = Array.from(this.#words.subarray(4 * row, 4 * row + 4), (word) => word.toString(16).padStart(8, '0'));
    return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  /** Negative: the id of row `a` comes first. */
  compare(a: number, b: number): number {
    for (let k = 0; k < 4; k++) {
      const difference = this.#words[4 * a + k] - this.#words[4 * b + k];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #find(words: Uint32Array): number {
    const mask = this.#table.length - 1;
    for (let slot = slotOf(words[0], words[3]) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#table[slot] - 1;
      if (row === -1) return -1;
      const at = 4 * row;
      const known = this.#words;
      if (
        known[at] === words[0] &&
        known[at + 1] === words[1] &&
        known[at + 2] === words[2] &&
        known[at + 3] === words[3]
      ) {
        return row;
      }
    }
  }

  #enter(row: number): void {
    const mask = this.#table.length - 1;
    let slot = slotOf(this.#words[4 * row], this.#words[4 * row + 3]) & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = row + 1;
  }

  #grow(): void {
    const words = new Uint32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
    this.#table = new Int32Array(2 * this.#table.length);
    for (let row = 0; row < this.#count; row++) this.#enter(row);
  }
}

/** A UUID. */
export function isEventId(id: unknown): id is string {
  return typeof id === 'string' && id.length === 36 && /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id);
}

const scratch = new Uint32Array(4);

/** Valid until the next call. */
function wordsOf(id: string): Uint32Array {
  let word = 0;
  let digits = 0;
  for (let k = 0; k < id.length; k++) {
    const code = id.charCodeAt(k);
    if (code === 45) continue;
    // '0'–'9', 'A'–'F', 'a'–'f'
    word = (word << 4) | (code < 58 ? code - 48 : (code & 7) + 9);
    digits++;
    if (digits % 8 === 0) scratch[digits / 8 - 1] = word;
  }
  return scratch;
}

function slotOf(first: number, last: number): number {
  return Math.imul(first ^ Math.imul(last, 0x9e3779b1), 0x85ebca6b) >>> 7;
}
