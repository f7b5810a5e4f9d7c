import { grownCapacity } from './hexIds.ts';

export interface KeptTable {
  readonly keys: Float64Array;
  readonly values: Int32Array;
  readonly count: number;
}

/** Rows by the number of a comparison: a Map from large numbers to small ones that makes no objects. */
export class KeyTable {
  /** Open addressing; NaN where it is free. At most half full. */
  #keys: Float64Array;
  #values: Int32Array;
  #count: number;

  constructor({ keys, values, count }: KeptTable = { keys: freeKeys(1024), values: new Int32Array(1024), count: 0 }) {
    this.#keys = keys;
    this.#values = values;
    this.#count = count;
  }

  /** What makes the same table again. */
  get kept(): KeptTable {
    return { keys: this.#keys, values: this.#values, count: this.#count };
  }

  /** −1: it is not there. */
  get(key: number): number {
    const slot = this.#slot(key);
    return this.#keys[slot] === key ? this.#values[slot] : -1;
  }

  /** What was there before; −1: nothing. */
  set(key: number, value: number): number {
    let slot = this.#slot(key);
    if (this.#keys[slot] === key) {
      const before = this.#values[slot];
      this.#values[slot] = value;
      return before;
    }
    if (2 * (this.#count + 1) > this.#keys.length) {
      this.#grow();
      slot = this.#slot(key);
    }
    this.#keys[slot] = key;
    this.#values[slot] = value;
    this.#count++;
    return -1;
  }

  clear(): void {
    this.#keys.fill(Number.NaN);
    this.#count = 0;
  }

  *keys(): Generator<number> {
    // Of one table: what is set meanwhile may make another.
    const keys = this.#keys;
    for (let slot = 0; slot < keys.length; slot++) if (!Number.isNaN(keys[slot])) yield keys[slot];
  }

  #slot(key: number): number {
    const mask = this.#keys.length - 1;
    // The lower 32 bits, and those above.
    const low = key | 0;
    const high = (key / 2 ** 32) | 0;
    let slot = (Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 7) & mask;
    while (!Number.isNaN(this.#keys[slot]) && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = freeKeys(grownCapacity(keys.length));
    this.#values = new Int32Array(this.#keys.length);
    for (let at = 0; at < keys.length; at++) {
      if (Number.isNaN(keys[at])) continue;
      const slot = this.#slot(keys[at]);
      this.#keys[slot] = keys[at];
      this.#values[slot] = values[at];
    }
  }
}

const freeKeys = (capacity: number): Float64Array => new Float64Array(capacity).fill(Number.NaN);
