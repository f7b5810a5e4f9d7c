import { UserError } from '../../errors.ts';
import type {
  EngineDescription,
  EngineEvents,
  EngineFailure,
  EngineMessage,
  EngineMethod,
  EngineParams,
  EngineRequest,
  EngineResult,
  Priority,
  TaskHandlers,
  TaskMethod,
} from '../../protocol/engine.ts';
import { heldMemory } from '../memory/held.ts';
import { peakMemory } from '../memory/peak.ts';
import { limitProgress } from './progress.ts';

/** The engine's end of its channel. */
export interface EngineChannel {
  /** Resolves when the other side keeps up; a channel that is closed swallows the message. */
  send(message: EngineMessage): Promise<void>;
}

interface Pending<Method extends TaskMethod = TaskMethod> {
  readonly request: number;
  readonly method: Method;
  readonly priority: Priority;
  readonly params: EngineParams<Method>;
  readonly controller: AbortController;
}

type InstantMethod = Exclude<EngineMethod, TaskMethod>;
type InstantHandlers = { [Method in InstantMethod]: (params: EngineParams<Method>) => EngineResult<Method> };

/** Tasks that look at the signal themselves; the others are closed at the yield where they stand. */
const savesBeforeStopping: ReadonlySet<TaskMethod> = new Set<TaskMethod>(['train']);

/**
 * Runs one task at a time. Background tasks wait for each other; between two yields of one, the interactive requests
 * that came meanwhile are served, and messages are read: the runtime blocks the process during a step.
 */
export class Dispatcher {
  readonly #channel: EngineChannel;
  readonly #handlers: TaskHandlers;
  readonly #waiting: Readonly<Record<Priority, Pending[]>> = { interactive: [], background: [] };
  readonly #running: Pending[] = [];
  #working: Promise<void> | undefined;

  constructor(channel: EngineChannel, handlers: TaskHandlers) {
    this.#channel = channel;
    this.#handlers = handlers;
  }

  /** Takes any message; one that is not a request is answered with an error. */
  receive(message: unknown): void {
    const parsed = parseRequest(message);
    if ('error' in parsed) {
      void this.#channel.send(parsed);
    } else if (parsed.method === 'stop' || parsed.method === 'describe') {
      this.#answerAtOnce(parsed);
    } else {
      const { request, method, priority, params } = parsed;
      const pending = { request, method, priority, params, controller: new AbortController() } as Pending;
      this.#waiting[priority].push(pending);
      this.#working ??= this.#work();
    }
  }

  /** Stops every request as if each had been asked to; resolves when the last one has ended. */
  async stopAll(): Promise<void> {
    this.#leaveQueue(() => true);
    for (const pending of this.#running) pending.controller.abort();
    await this.#working;
  }

  #answerAtOnce(message: Extract<EngineRequest, { method: InstantMethod }>): void {
    const instant: InstantHandlers = {
      stop: ({ request }) => ({ stopping: this.#stop(request) }),
      describe: () => describe(this.#running, [...this.#waiting.interactive, ...this.#waiting.background]),
    };
    const ok = message.method === 'stop' ? instant.stop(message.params) : instant.describe(message.params);
    void this.#channel.send({ request: message.request, ok });
  }

  #stop(request: number): boolean {
    const pending = this.#running.find((other) => other.request === request);
    pending?.controller.abort();
    return pending !== undefined || this.#leaveQueue((other) => other.request === request);
  }

  /** What has not begun is answered at once: the task before it may take hours. */
  #leaveQueue(chosen: (pending: Pending) => boolean): boolean {
    let found = false;
    for (const queue of Object.values(this.#waiting)) {
      for (const pending of queue.filter(chosen)) {
        queue.splice(queue.indexOf(pending), 1);
        found = true;
        void this.#channel.send({ request: pending.request, error: failureOf(new Stopped()) });
      }
    }
    return found;
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#waiting.interactive.shift() ?? this.#waiting.background.shift();
      if (!next) break;
      await this.#runTask(next);
    }
    this.#working = undefined;
  }

  async #serveInteractive(): Promise<void> {
    const queue = this.#waiting.interactive;
    for (let next = queue.shift(); next; next = queue.shift()) await this.#runTask(next);
  }

  async #runTask(pending: Pending): Promise<void> {
    const { request } = pending;
    this.#running.push(pending);
    try {
      const ok = await this.#drive(pending);
      await this.#channel.send({ request, ok });
    } catch (error) {
      await this.#channel.send({ request, error: failureOf(error) });
    } finally {
      this.#running.splice(this.#running.indexOf(pending), 1);
    }
  }

  async #drive<Method extends TaskMethod>(pending: Pending<Method>): Promise<EngineResult<Method>> {
    const { request, method, params, priority, controller } = pending;
    const { signal } = controller;
    const send = (event: EngineEvents[Method]) => this.#channel.send({ request, event } as EngineMessage);
    const progress = limitProgress(send);
    const task = this.#handlers[method](params, { signal });
    try {
      for (;;) {
        if (signal.aborted && !savesBeforeStopping.has(method)) throw new Stopped();
        const { done, value } = await task.next();
        if (done) {
          await progress.flush();
          return value;
        }
        await progress.take(value);
        await messagesRead();
        if (priority === 'background') await this.#serveInteractive();
      }
    } finally {
      // Where it has not ended by itself its `finally` blocks run now, so that sessions, files and locks are given back.
      await task.return(undefined as never);
    }
  }
}

class Stopped extends Error {
  constructor() {
    super('The request was stopped.');
    this.name = 'Stopped';
  }
}

/** Lets the event loop read what has come over the channel while a step blocked it. */
function messagesRead(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function failureOf(error: unknown): EngineFailure {
  if (error instanceof Stopped) return { message: error.message, userFacing: true, stopped: true };
  if (error instanceof UserError) return { message: error.message, userFacing: true };
  if (error instanceof Error) return { message: error.message, userFacing: false, stack: error.stack };
  return { message: String(error), userFacing: false };
}

const methods: Readonly<Record<EngineMethod, true>> = {
  generate: true,
  evaluate: true,
  score: true,
  train: true,
  exportModel: true,
  stop: true,
  describe: true,
};

type Refusal =
  | { readonly request: number; readonly error: EngineFailure }
  | { readonly request: null; readonly error: EngineFailure };

function parseRequest(message: unknown): EngineRequest | Refusal {
  const { request, method, priority, params } = (typeof message === 'object' && message ? message : {}) as Record<
    string,
    unknown
  >;
  const refused = (sentence: string): Refusal => {
    const id = Number.isSafeInteger(request) ? (request as number) : null;
    return { request: id, error: { message: sentence, userFacing: false } } as Refusal;
  };
  if (!Number.isSafeInteger(request)) return refused('The engine was sent something that is not a request.');
  if (typeof method !== 'string' || !Object.hasOwn(methods, method))
    return refused(`The engine has no method ${JSON.stringify(method)}.`);
  if (priority !== 'interactive' && priority !== 'background')
    return refused(`The engine knows no priority ${JSON.stringify(priority)}.`);
  if (typeof params !== 'object' || params === null)
    return refused(`The engine's method ${method} takes an object of parameters.`);
  return { request, method, priority, params } as EngineRequest;
}

function describe(running: readonly Pending[], waiting: readonly Pending[]): EngineDescription {
  const { rss, heapUsed, external } = process.memoryUsage();
  const held = heldMemory(rss);
  const requests = (pending: readonly Pending[], isRunning: boolean) =>
    pending.map(({ request, method }) => ({ request, method, running: isRunning }));
  return {
    pid: process.pid,
    node: process.version,
    requests: [...requests(running, true), ...requests(waiting, false)],
    ...(held && { held }),
    memory: { resident: rss, peak: peakMemory(), heap: heapUsed, buffers: external },
  };
}
