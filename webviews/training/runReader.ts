import type { RunHistory } from '../../server/protocol/types.ts';
import { emptyHistory, extended, type KnownHistory } from './history.ts';

export interface RunReaderOptions {
  readonly run: string;
  readonly read: (fromMetric: number, fromSample: number) => Promise<RunHistory>;
  /** More is known: called as often as there is more. */
  readonly changed: (history: KnownHistory) => void;
  readonly failed: (error: Error) => void;
}

/** Reads a run's files to their end, and on from there whenever they grew. */
export class RunReader {
  readonly run: string;
  readonly #options: RunReaderOptions;
  #history: KnownHistory | undefined;
  #reading = false;
  #again = false;
  #closed = false;

  constructor(options: RunReaderOptions) {
    this.run = options.run;
    this.#options = options;
  }

  get history(): KnownHistory | undefined {
    return this.#history;
  }

  /** What is asked while it reads is done once afterwards, however often it was asked. */
  async readOn(): Promise<void> {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#toTheEnd();
      }
    } catch (error) {
      // A position in the middle of a line, after the file was cut: next time everything is read.
      this.#history = undefined;
      if (!this.#closed) this.#options.failed(error as Error);
    } finally {
      this.#reading = false;
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #toTheEnd(): Promise<void> {
    let fresh = this.#history === undefined;
    let history = this.#history;
    for (;;) {
      const page = await this.#options.read(history?.nextMetric ?? 0, history?.nextSample ?? 0);
      if (this.#closed) return;
      const next = extended(history ?? emptyHistory(page.run), page);
      if (!next) {
        // Read from 0, its own lines contradict each other: what can be read has been.
        if (fresh && !history) throw new Error('The files of this run cannot be read: their steps go back.');
        [history, fresh] = [undefined, true];
        continue;
      }
      const ended = page.metrics.length === 0 && page.samples.length === 0;
      const moved = next.nextMetric !== history?.nextMetric || next.nextSample !== history?.nextSample;
      history = next;
      // While it is read again from 0 the old curves stay: they must not blink.
      if (!fresh || ended) {
        this.#history = history;
        this.#options.changed(history);
      }
      if (ended || !moved) break;
    }
    if (this.#history !== history) {
      this.#history = history;
      this.#options.changed(history);
    }
  }
}
