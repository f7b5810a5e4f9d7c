import { UserError } from '../errors.ts';
import type { EngineHost } from '../jobs/engineHost.ts';
import { EngineStopped } from '../jobs/engineProcess.ts';
import type { CompletionRow } from '../protocol/types.ts';
import type { RewardModel, ScoreOptions, Urgency } from './scorer.ts';

/** A text's reward, or why it has none. */
export type Outcome = { readonly reward: number } | { readonly error: string };

/** What is known of one reward model. */
export interface Outcomes {
  get(key: string): Outcome | undefined;
  set(key: string, outcome: Outcome): void;
}

export interface QueuedRows extends Omit<ScoreOptions, 'onProgress'> {
  readonly rewardModel: RewardModel;
  readonly rows: readonly CompletionRow[];
  /** contentKey of each row. */
  readonly keys: readonly string[];
  readonly outcomes: Outcomes;
  readonly onOutcome?: (row: number, outcome: Outcome) => void;
}

interface Request extends QueuedRows {
  readonly urgency: Urgency;
  readonly order: number;
  /** Everything before it is known. */
  next: number;
  readonly found: Outcome[];
  /** Rows that failed alone: to blame only when others of the request have a reward. */
  readonly suspects: Map<string, Outcome & { readonly error: string }>;
  succeeded: boolean;
  readonly resolve: (outcomes: Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

type Lane = 'interactive' | 'background';

const ranks: Readonly<Record<Urgency, number>> = { visible: 2, asked: 1, idle: 0 };
/** About one forward pass of the engine; while it trains no batch is larger, so that no step waits for two passes. */
const smallest = 3000;
const largest = 100_000;
const most = 256;
/** A batch should take this many milliseconds: shorter wastes calls, longer keeps who comes next waiting. */
const wanted = { least: 150, most: 400 };
/** So many rows failing alone, and none with a reward: no fault of theirs. */
const systematic = 3;

/**
 * Scores in small batches, one engine call after the other: what is visible first, within that the newest request. A
 * call to a training engine is one more wait for a step, so the two priorities have a queue each, and neither waits for
 * the other.
 */
export class ScoreQueue {
  readonly #engine: EngineHost;
  readonly #waiting: Readonly<Record<Lane, Request[]>> = { interactive: [], background: [] };
  readonly #working: Partial<Record<Lane, Promise<void>>> = {};
  readonly #closing = new AbortController();
  #characters = smallest;
  #order = 0;

  constructor(engine: EngineHost) {
    this.#engine = engine;
  }

  /**
   * The outcome of each row, in order.
   *
   * @throws EngineStopped when the signal is aborted; what the engine throws where it is about no single row
   */
  add(queued: QueuedRows): Promise<Outcome[]> {
    const { signal, priority = 'interactive', urgency = 'asked' } = queued;
    if (signal?.aborted || this.#closing.signal.aborted) return Promise.reject(new EngineStopped());
    return new Promise<Outcome[]>((resolve, reject) => {
      const request: Request = {
        ...queued,
        urgency,
        order: this.#order++,
        next: 0,
        found: [],
        suspects: new Map(),
        succeeded: false,
        resolve,
        reject,
      };
      signal?.addEventListener('abort', () => this.#leave(priority, request, new EngineStopped()), { once: true });
      this.#waiting[priority].push(request);
      this.#working[priority] ??= this.#work(priority);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const lane of ['interactive', 'background'] as const) {
      for (const request of [...this.#waiting[lane]]) this.#leave(lane, request, new EngineStopped());
      await this.#working[lane];
    }
  }

  #leave(lane: Lane, request: Request, error: unknown): void {
    const queue = this.#waiting[lane];
    const place = queue.indexOf(request);
    if (place < 0) return;
    queue.splice(place, 1);
    request.reject(error);
  }

  async #work(lane: Lane): Promise<void> {
    // What was asked for in the same turn is looked at together.
    await Promise.resolve();
    for (let request = this.#first(lane); request; request = this.#first(lane)) {
      try {
        const batch = this.#batchOf(request);
        if (batch.length === 0) this.#finish(lane, request);
        else await this.#score(lane, request, batch);
      } catch (error) {
        this.#leave(lane, request, error);
      }
    }
    delete this.#working[lane];
  }

  #first(lane: Lane): Request | undefined {
    const [first] = this.#waiting[lane].toSorted((a, b) => ranks[b.urgency] - ranks[a.urgency] || b.order - a.order);
    return first;
  }

  #finish(lane: Lane, request: Request): void {
    const queue = this.#waiting[lane];
    const place = queue.indexOf(request);
    if (place < 0) return;
    queue.splice(place, 1);
    for (const [key, outcome] of request.suspects) request.outcomes.set(key, outcome);
    request.resolve(request.found);
  }

  /** Takes over what is known by now, and gives the next rows to score. */
  #batchOf(request: Request): number[] {
    const { keys, rows, outcomes, suspects, found, onOutcome } = request;
    const known = (key: string) => outcomes.get(key) ?? suspects.get(key);
    for (; request.next < keys.length; request.next++) {
      const outcome = known(keys[request.next]);
      if (outcome === undefined) break;
      found.push(outcome);
      onOutcome?.(request.next, outcome);
    }
    const batch: number[] = [];
    const taken = new Set<string>();
    const limit = this.#engine.busy ? smallest : this.#characters;
    let characters = 0;
    for (let row = request.next; row < keys.length && batch.length < most; row++) {
      if (taken.has(keys[row]) || known(keys[row]) !== undefined) continue;
      const length = lengthOf(rows[row]);
      if (batch.length > 0 && characters + length > limit) break;
      characters += length;
      taken.add(keys[row]);
      batch.push(row);
    }
    return batch;
  }

  async #score(lane: Lane, request: Request, batch: readonly number[]): Promise<void> {
    const start = performance.now();
    await this.#call(lane, request, batch);
    if (!this.#engine.busy) this.#characters = nextBudget(this.#characters, performance.now() - start);
  }

  /** One failing row fails its whole call: it is found, put aside with its sentence, and the others are scored. */
  async #call(lane: Lane, request: Request, batch: readonly number[]): Promise<void> {
    const { rows, keys, outcomes, suspects } = request;
    let rewards: Map<number, number>;
    try {
      rewards = await this.#rewardsOf(
        lane,
        request,
        batch.map((row) => rows[row]),
      );
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const culprit = rowOf(error.message);
      if (culprit !== undefined && culprit < batch.length) {
        outcomes.set(keys[batch[culprit]], { error: error.message.replace(/^Row \d+ has/, 'With its prompt it has') });
      } else if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await this.#call(lane, request, batch.slice(0, half));
        await this.#call(lane, request, batch.slice(half));
      } else {
        suspects.set(keys[batch[0]], { error: error.message });
        const last = suspects.size >= Math.min(systematic, new Set(keys).size);
        if (!request.succeeded && last) throw error;
      }
      return;
    }
    request.succeeded = true;
    for (const [place, row] of batch.entries()) {
      const reward = rewards.get(place);
      outcomes.set(keys[row], reward === undefined ? { error: 'The engine gave this row no reward.' } : { reward });
    }
  }

  async #rewardsOf(lane: Lane, request: Request, rows: readonly CompletionRow[]): Promise<Map<number, number>> {
    const { model, adapter } = request.rewardModel;
    const rewards = new Map<number, number>();
    // Not AbortSignal.any: the queue's own signal lives long, and would keep what hangs on it.
    const controller = new AbortController();
    const stop = () => controller.abort();
    const signals = [this.#closing.signal, ...(request.signal ? [request.signal] : [])];
    for (const signal of signals) signal.addEventListener('abort', stop);
    try {
      await this.#engine.call(
        'score',
        { model, adapter, source: { rows } },
        {
          priority: lane,
          signal: controller.signal,
          onEvent: (event) => {
            if (event.kind === 'row' && 'reward' in event.row) rewards.set(event.row.row, event.row.reward);
          },
        },
      );
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', stop);
    }
    return rewards;
  }
}

/** Characters of the next batch, after one of `characters` that took so many milliseconds. */
export function nextBudget(characters: number, milliseconds: number): number {
  if (milliseconds < wanted.least) return Math.min(2 * characters, largest);
  return milliseconds > wanted.most ? Math.max(characters / 2, smallest) : characters;
}

/** The engine's sentences about one row begin "Row 3 has 300 tokens; …". */
function rowOf(message: string): number | undefined {
  const found = /^Row (\d+) /.exec(message);
  return found ? Number(found[1]) - 1 : undefined;
}

function lengthOf({ prompt, completion }: CompletionRow): number {
  const asked =
    typeof prompt === 'string' ? prompt.length : prompt.reduce((sum, { content }) => sum + content.length, 0);
  return asked + completion.length;
}
