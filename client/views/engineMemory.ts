import type { EngineMemory } from '../../server/protocol/memory.ts';
import type { Job } from '../../server/protocol/types.ts';
import type { Server } from '../connection/server.ts';

/** During an optimiser step the engine answers nobody; the view shows what was known meanwhile. */
const patience = 1500;
/** While one stage runs its memory hardly changes. */
const between = 15_000;

/** What the engine has in memory, as the models' view shows it. */
export class EngineMemoryReader {
  readonly #server: Server;
  #known: EngineMemory | null = null;
  #asking: Promise<EngineMemory | null> | undefined;
  #stage = '';
  #seenAt = 0;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Whether a running job is reason to read again: another stage, or a while has passed. */
  mayHaveChanged({ id, progress }: Job): boolean {
    const stage = `${id} ${progress?.stage} ${progress?.what}`;
    const now = Date.now();
    if (stage === this.#stage && now - this.#seenAt < between) return false;
    [this.#stage, this.#seenAt] = [stage, now];
    return true;
  }

  /** The newest that is known: a question that takes long is not waited for. Null: the engine does not run. */
  async read(): Promise<EngineMemory | null> {
    this.#asking ??= this.#ask();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<EngineMemory | null>((resolve) => {
      timer = setTimeout(() => resolve(this.#known), patience);
    });
    return await Promise.race([this.#asking, late]).finally(() => clearTimeout(timer));
  }

  async #ask(): Promise<EngineMemory | null> {
    try {
      this.#known = await this.#server.request('engineMemory', {});
    } catch {
      // What is wrong with the engine is said where it is used.
      this.#known = null;
    } finally {
      this.#asking = undefined;
    }
    return this.#known;
  }
}
