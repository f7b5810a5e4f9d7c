/** Lets other work in between the parts of a long computation: the server never blocks for more than 50 ms. */
export class Pacer {
  #since = performance.now();
  #calls = 0;

  /** Whether to `rest` now: this computation has been going on for 10 ms. The clock is read once in 32 calls. */
  get isTired(): boolean {
    this.#calls++;
    return this.#calls % 32 === 0 && performance.now() - this.#since > 10;
  }

  /** Calls `work` with each item, and rests in between. */
  async each<Item>(items: readonly Item[], work: (item: Item) => void): Promise<void> {
    for (let at = this.#some(items, 0, work); at < items.length; at = this.#some(items, at, work)) await this.rest();
  }

  /** Goes on until this is tired, and says where. Without `await`, because V8 optimises such loops late. */
  #some<Item>(items: readonly Item[], start: number, work: (item: Item) => void): number {
    for (let at = start; at < items.length; at++) {
      work(items[at]);
      if (this.isTired) return at + 1;
    }
    return items.length;
  }

  /** Resolves after what was waiting. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now();
        resolve();
      });
    });
  }
}
