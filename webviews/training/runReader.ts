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
  #restart = false;

  constructor(options: RunReaderOptions) {
    this.run = options.run;
    this.#options = options;
  }

  get history(): KnownHistory | undefined {
    return this.#history;
  }

  /** Its files may have been cut: reads them from 0. */
  restart(): void {
    this.#restart = true;
    void this.readOn();
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

  /** While it is read again from 0 the old curves stay: they must not blink. */
  async #toTheEnd(): Promise<void> {
    let history = this.#restart ? undefined : this.#history;
    this.#restart = false;
    let restarts = 0;
    for (;;) {
      const page = await this.#page(history, restarts > 0);
      if (this.#closed) return;
      const next = page && extended(history ?? emptyHistory(page.run), page);
      if (!next) {
        // Once is what a resumed run needs.
        if (!history || restarts++ > 0) {
          throw new Error('The files of this run contradict themselves: their steps go back.');
        }
        history = undefined;
        continue;
      }
      const isEnd = next.nextMetric === history?.nextMetric && next.nextSample === history?.nextSample;
      history = next;
      if (isEnd || (page.metrics.length === 0 && page.samples.length === 0)) break;
      // Growth is shown page by page.
      if (history.nextMetric > (this.#history?.nextMetric ?? 0)) this.#publish(history);
    }
    this.#publish(history);
  }

  #publish(history: KnownHistory): void {
    this.#history = history;
    this.#options.changed(history);
  }

  /** Undefined: what is at this place cannot be read, because it is in the middle of a line now. */
  async #page(history: KnownHistory | undefined, isLastTry: boolean): Promise<RunHistory | undefined> {
    try {
      return await this.#options.read(history?.nextMetric ?? 0, history?.nextSample ?? 0);
    } catch (error) {
      if (!history || isLastTry) throw error;
      return undefined;
    }
  }
}
