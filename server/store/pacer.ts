/** Lets other work in between the parts of a long computation: the server never blocks for more than 50 ms. */
export class Pacer {
  #since = performance.now();

  /** Resolves at once, or, when this computation has been going on for 15 ms, after what was waiting. */
  breathe(): Promise<void> | undefined {
    if (performance.now() - this.#since < 15) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now();
        resolve();
      });
    });
  }
}
