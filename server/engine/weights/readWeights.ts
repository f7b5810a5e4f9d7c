import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../paths.ts';
import type { OpenFile } from './files.ts';
import type { WeightTensor } from './types.ts';
import { allocator, type StoredNumbers, type Widen, widenInto } from './widen.ts';

/** A tensor for the thread to widen. */
interface ThreadTask {
  readonly path: string;
  /** Its name. */
  readonly format: string;
  readonly offset: number;
  readonly elements: number;
}

export interface ThreadWork {
  readonly tasks: readonly ThreadTask[];
  /** 1 for each task that one of the two threads has taken. */
  readonly claims: Int32Array;
}

export interface ThreadResult {
  readonly task: number;
  readonly data: Float32Array;
}

/** A tensor that can be read. */
interface Readable extends StoredNumbers {
  readonly file: OpenFile;
  read(widen?: Widen): WeightTensor;
}

/** Numbers for which a thread is not worth its start. */
const few = 2 ** 23;

/**
 * Reads tensors. Where there is much to read, a second thread begins with the last of them at once, until the two meet.
 */
export class WeightReader {
  readonly #entries: readonly Readable[];
  /** 1 for each tensor that one of the two threads has taken. */
  readonly #claims: Int32Array;
  readonly #thread: WidenThread | undefined;

  constructor(entries: readonly Readable[]) {
    this.#entries = entries;
    this.#claims = new Int32Array(new SharedArrayBuffer(4 * entries.length));
    const isMuch = sumOf(entries) >= few;
    this.#thread = isMuch ? new WidenThread(entries, this.#claims) : undefined;
  }

  /**
   * All tensors in their order; what the thread could not read is read here. Others may work in between. Throws as `read`
   * does.
   */
  async read(): Promise<WeightTensor[]> {
    const allocate = allocator(sumOf(this.#entries));
    const own: Widen = (file, stored) => widenInto(allocate(stored.elements), file, stored);
    const weights: WeightTensor[] = [];
    for (const [k, entry] of this.#entries.entries()) {
      if (Atomics.compareExchange(this.#claims, k, 0, 1) !== 0) break;
      weights.push(entry.read(own));
      await setImmediate();
    }
    const widened = await this.#thread?.results;
    for (let k = weights.length; k < this.#entries.length; k++) {
      weights.push(this.#entries[k].read((file, stored) => widened?.get(k) ?? own(file, stored)));
    }
    return weights;
  }

  /** Resolves when the thread is gone. */
  async close(): Promise<void> {
    await this.#thread?.close();
  }
}

class WidenThread {
  /** What it has widened when it met the other one, by place; nothing where it failed. */
  readonly results: Promise<ReadonlyMap<number, Float32Array>>;
  readonly #worker: Worker;

  constructor(entries: readonly Readable[], claims: Int32Array) {
    const tasks = entries.map(({ file, format, offset, elements }) => ({
      path: file.path,
      format: format.name,
      offset,
      elements,
    }));
    const work: ThreadWork = { tasks, claims };
    const program = join(packageRoot(), 'out', 'server', 'engine', 'weights', 'widenThread.js');
    this.#worker = new Worker(program, { workerData: work, execArgv: [], stderr: true });
    this.results = new Promise((resolve) => {
      const answer = (results: readonly ThreadResult[]) =>
        resolve(new Map(results.map(({ task, data }) => [task, data])));
      this.#worker.once('message', answer);
      this.#worker.once('error', () => answer([]));
      this.#worker.once('exit', () => answer([]));
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

function sumOf(entries: readonly Readable[]): number {
  return entries.reduce((sum, { elements }) => sum + elements, 0);
}
