import { masked } from '../../../models/layers.ts';
import { cacheNames, type ModelConfig } from '../../../models/network.ts';
import type { Feed, Output } from '../runtime.ts';

/** Cache lengths are multiples of this: the graph reads all that is allocated, and a larger step copies less often. */
const capacityStep = 32;

/**
 * The keys and values of every token so far, row by row: [rows, K, capacity, E] a layer. Graphs return only what is new,
 * and it is written here. The active rows are always the first ones, so what is fed is a view, never a copy.
 */
export class KeyValueCache {
  /** Tokens stored in each row. */
  readonly lengths: Int32Array;
  private readonly config: ModelConfig;
  private readonly rows: number;
  private capacity: number;
  /** Keys and values by turns, a layer after the other. */
  private layers: Float32Array[];

  constructor(config: ModelConfig, rows: number, capacity: number) {
    this.config = config;
    this.rows = rows;
    this.capacity = Math.ceil(Math.max(1, capacity) / capacityStep) * capacityStep;
    this.lengths = new Int32Array(rows);
    this.layers = this.allocate(this.capacity);
  }

  /** What a decode graph reads for the first `active` rows. */
  feeds(active: number): Record<string, Feed> {
    const { keyValueHeads, headWidth, layers } = this.config;
    const shape = [active, keyValueHeads, this.capacity, headWidth];
    const size = active * this.rowSize;
    const feeds: Record<string, Feed> = { pastMask: this.mask(active) };
    for (let layer = 0; layer < layers; layer++) {
      const names = cacheNames(layer);
      feeds[names.pastKey] = { data: this.layers[2 * layer].subarray(0, size), shape };
      feeds[names.pastValue] = { data: this.layers[2 * layer + 1].subarray(0, size), shape };
    }
    return feeds;
  }

  /** Stores the first counts[row] of the T new tokens of each row of `outputs`. */
  append(outputs: Readonly<Record<string, Output>>, counts: ArrayLike<number>): void {
    const { keyValueHeads, headWidth, layers } = this.config;
    const longest = Math.max(...Array.from(counts, (count, row) => this.lengths[row] + count));
    if (longest > this.capacity) this.grow(longest);
    for (let layer = 0; layer < layers; layer++) {
      const names = cacheNames(layer);
      [names.key, names.value].forEach((name, part) => {
        const { data, shape } = outputs[name];
        const target = this.layers[2 * layer + part];
        const time = shape[2];
        for (let row = 0; row < counts.length; row++) {
          for (let head = 0; head < keyValueHeads && counts[row] > 0; head++) {
            const from = (row * keyValueHeads + head) * time * headWidth;
            const to = ((row * keyValueHeads + head) * this.capacity + this.lengths[row]) * headWidth;
            target.set((data as Float32Array).subarray(from, from + counts[row] * headWidth), to);
          }
        }
      });
    }
    for (let row = 0; row < counts.length; row++) this.lengths[row] += counts[row];
  }

  /** Row `to` becomes a copy of row `from`. */
  copyRow(from: number, to: number): void {
    if (from === to) return;
    for (const data of this.layers) data.copyWithin(to * this.rowSize, from * this.rowSize, (from + 1) * this.rowSize);
    this.lengths[to] = this.lengths[from];
  }

  private get rowSize(): number {
    return this.config.keyValueHeads * this.capacity * this.config.headWidth;
  }

  private allocate(capacity: number): Float32Array[] {
    const { keyValueHeads, headWidth, layers } = this.config;
    const size = this.rows * keyValueHeads * capacity * headWidth;
    return Array.from({ length: 2 * layers }, () => new Float32Array(size));
  }

  private mask(active: number): Feed {
    const data = new Float32Array(active * this.capacity).fill(masked);
    for (let row = 0; row < active; row++) {
      data.fill(0, row * this.capacity, row * this.capacity + this.lengths[row]);
    }
    return { data, shape: [active, 1, 1, this.capacity] };
  }

  private grow(length: number): void {
    const { headWidth, keyValueHeads } = this.config;
    const capacity = Math.ceil(length / capacityStep) * capacityStep;
    const larger = this.allocate(capacity);
    const [before, after] = [this.capacity * headWidth, capacity * headWidth];
    this.layers.forEach((data, k) => {
      for (let block = 0; block < this.rows * keyValueHeads; block++) {
        larger[k].set(data.subarray(block * before, (block + 1) * before), block * after);
      }
    });
    this.layers = larger;
    this.capacity = capacity;
  }
}
