import { EngineStopped } from '../jobs/engineProcess.ts';
import type { CompletionRow } from '../protocol/types.ts';
import type { Scorer } from '../scores/scorer.ts';

/** A text whose score is waited for. */
export interface Wanted {
  readonly key: string;
  /** Read when it is needed: most are not. */
  readonly row: () => CompletionRow | undefined;
}

interface Request {
  /** Of the reward model that is asked. */
  readonly identity: string;
  readonly rows: Map<string, Wanted>;
  readonly controller: AbortController;
  /** Still gathering: an editor asks for its lenses one by one. */
  open: boolean;
}

export interface WantedRows {
  /** Of the reward model: what was asked of another one is not waited for. */
  readonly identity: string;
  readonly wanted: readonly Wanted[];
  /** When the file was edited last, of `performance.now()`. */
  readonly editedAt: number;
}

/** A split editor shows two places of one file; what was asked before them has been scrolled away … */
const places = 2;
/** … unless it was little: an editor that asks for single rows may still show all of them. */
const fewTexts = 200;
/** Milliseconds for which rows are gathered before they are asked for. */
const gathering = 15;
/** Milliseconds without an edit after which an edited text is scored. */
const pause = 400;
/** Milliseconds for which nothing is asked of an engine that failed. */
const patience = 60_000;

/** What one open file waits for: the rows on screen, and nothing that was scrolled away. */
export class VisibleScores {
  readonly #onFailure: (message: string) => void;
  #requests: Request[] = [];
  #failure: { readonly message: string; readonly at: number } | undefined;

  constructor(onFailure: (message: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Why nothing is asked for at the moment. */
  get failure(): string | undefined {
    if (this.#failure && performance.now() - this.#failure.at > patience) this.#failure = undefined;
    return this.#failure?.message;
  }

  /** Asks for the scores of what is on screen. They come through the scorer's onChange. */
  want(scorer: Scorer, { identity, wanted, editedAt }: WantedRows): void {
    if (wanted.length === 0 || this.failure !== undefined) return;
    if (this.#requests.some((request) => request.identity !== identity)) this.cancel();
    if (wanted.every(({ key }) => this.#requests.some(({ rows }) => rows.has(key)))) return;
    let request = this.#requests.find(({ open }) => open);
    if (request === undefined) {
      request = { identity, rows: new Map(), controller: new AbortController(), open: true };
      this.#requests.push(request);
      this.#dropScrolledAway();
      this.#scoreLater(scorer, request, Math.max(gathering, editedAt + pause - performance.now()));
    }
    for (const each of wanted) request.rows.set(each.key, each);
  }

  /** What failed may be tried again. */
  forgive(): void {
    this.#failure = undefined;
  }

  /** Stops what is under way, and forgives what failed. */
  cancel(): void {
    for (const { controller } of this.#requests) controller.abort();
    this.#requests = [];
    this.forgive();
  }

  #dropScrolledAway(): void {
    const texts = (requests: readonly Request[]) => requests.reduce((sum, { rows }) => sum + rows.size, 0);
    while (this.#requests.length > places && texts(this.#requests.slice(1)) >= fewTexts) {
      this.#requests.shift()?.controller.abort();
    }
  }

  #scoreLater(scorer: Scorer, request: Request, wait: number): void {
    const timer = setTimeout(() => {
      request.open = false;
      void this.#score(scorer, request);
    }, wait).unref();
    request.controller.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #score(scorer: Scorer, request: Request): Promise<void> {
    const { signal } = request.controller;
    try {
      const rows = Array.from(request.rows.values(), ({ row }) => row()).filter((row) => row !== undefined);
      await scorer.scoreEach(rows, { urgency: 'visible', signal });
    } catch (error) {
      if (error instanceof EngineStopped) return;
      const [message] = (error as Error).message.split('\n', 1);
      this.#failure = { message, at: performance.now() };
      this.#onFailure(message);
    } finally {
      this.#requests = this.#requests.filter((other) => other !== request);
    }
  }
}
