/** Lets other work in between the parts of a long computation: the server never blocks for more than 50 ms. */
export class Pacer {
  #since = performance.now();

  #calls = 0;

  /** Whether to `rest` now: this computation has been going on for 15 ms. The clock is read once in 32 calls. */
  get isTired(): boolean {
    this.#calls++;
    return this.#calls % 32 === 0 && performance.now() - this.#since > 15;
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
