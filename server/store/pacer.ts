/** Lets other work in between the parts of a long computation: the server never blocks for more than 50 ms. */
export class Pacer {
  #since = performance.now();
  #calls = 0;

  /** Whether to `rest` now: this computation has been going on for 15 ms. The clock is read once in 32 calls. */
  get isTired(): boolean {
    this.#calls++;
    return this.#calls % 32 === 0 && performance.now() - this.#since > 15;
  }

  /** Calls `work` with each item, and rests in between. */
  async each<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
    const iterator = items[Symbol.iterator]();
    while (!this.#some(iterator, work)) await this.rest();
  }

  /** Goes on until this is tired; true: until the end. Without `await`, because V8 optimises such loops late. */
  #some<Item>(items: Iterator<Item>, work: (item: Item) => void): boolean {
    for (let next = items.next(); next.done !== true; next = items.next()) {
      work(next.value);
      if (this.isTired) return false;
    }
    return true;
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
