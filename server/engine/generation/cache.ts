import { masked } from '../../../models/layers.ts';
import { cacheNames, type ModelConfig } from '../../../models/network.ts';
import type { Feed, Output } from '../runtime.ts';

/** Cache lengths are multiples of this: the graph reads all that is allocated, and a larger step copies less often. */
const capacityStep = 32;

/**
 * The keys and values of every token so far, row by row: keys [rows, K, E, capacity] a layer, as the product with queries
 * reads them, and values [rows, K, capacity, E]. Graphs return only what is new, and it is written here. The active rows
 * are always the first ones, so what is fed is a view, never a copy.
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
    const keyShape = [active, keyValueHeads, headWidth, this.capacity];
    const valueShape = [active, keyValueHeads, this.capacity, headWidth];
    const size = active * this.rowSize;
    const pastPositions = {
      data: Float32Array.from({ length: this.capacity }, (_, k) => k),
      shape: [1, 1, 1, this.capacity],
    };
    const feeds: Record<string, Feed> = { pastMask: this.mask(active), pastPositions };
    for (let layer = 0; layer < layers; layer++) {
      const names = cacheNames(layer);
      feeds[names.pastKey] = { data: this.layers[2 * layer].subarray(0, size), shape: keyShape };
      feeds[names.pastValue] = { data: this.layers[2 * layer + 1].subarray(0, size), shape: valueShape };
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
      const [key, value] = [outputs[names.key], outputs[names.value]];
      const time = key.shape[2];
      for (let row = 0; row < counts.length; row++) {
        for (let head = 0; head < keyValueHeads && counts[row] > 0; head++) {
          const block = row * keyValueHeads + head;
          const at = { from: block * time * headWidth, block, start: this.lengths[row], count: counts[row] };
          this.putKeys(this.layers[2 * layer], key.data as Float32Array, at);
          this.putValues(this.layers[2 * layer + 1], value.data as Float32Array, at);
        }
      }
    }
    for (let row = 0; row < counts.length; row++) this.lengths[row] += counts[row];
  }

  private putKeys(target: Float32Array, data: Float32Array, { from, block, start, count }: Place): void {
    const { headWidth } = this.config;
    for (let entry = 0; entry < headWidth; entry++) {
      const to = (block * headWidth + entry) * this.capacity + start;
      for (let t = 0; t < count; t++) target[to + t] = data[from + t * headWidth + entry];
    }
  }

  private putValues(target: Float32Array, data: Float32Array, { from, block, start, count }: Place): void {
    const { headWidth } = this.config;
    const to = (block * this.capacity + start) * headWidth;
    // Faster than a view and `set` for the few numbers of a token.
    for (let k = 0; k < count * headWidth; k++) target[to + k] = data[from + k];
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
    const { headWidth } = this.config;
    const capacity = Math.ceil(length / capacityStep) * capacityStep;
    const larger = this.allocate(capacity);
    this.layers.forEach((data, k) => {
      // A key's numbers lie apart, one run of tokens each; a value's lie together, token after token.
      const width = k % 2 === 0 ? 1 : headWidth;
      const [before, after] = [this.capacity * width, capacity * width];
      for (let start = 0, to = 0; start < data.length; start += before, to += after) {
        larger[k].set(data.subarray(start, start + before), to);
      }
    });
    this.layers = larger;
    this.capacity = capacity;
  }
}

/** Where a head's new tokens come from and go to. */
interface Place {
  /** The first number in the graph's output. */
  readonly from: number;
  /** row · K + head */
  readonly block: number;
  /** Tokens that are there already, and that come. */
  readonly start: number;
  readonly count: number;
}
