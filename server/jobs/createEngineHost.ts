import { resolve } from 'node:path';
import { UserError } from '../errors.ts';
import type { EngineMethod, EngineParams, EngineResult } from '../protocol/engine.ts';
import type { EngineHost } from './engineHost.ts';
import { type CallOptions, EngineCrashed, EngineProcess, EngineStopped } from './engineProcess.ts';

export interface EngineHostOptions {
  /** Makes the engine's process; default: the built one. */
  readonly createEngine?: () => EngineProcess;
  /** Threads of a call that does not say how many; asked anew each time. Default: the engine's own number. */
  readonly threads?: () => number | undefined;
  /** Throws where nothing may be computed: in a workspace that is not trusted. */
  readonly check?: () => void;
  /** Minutes without a call after which the engine ends and gives its memory back. Default 10. */
  readonly idleMinutes?: number;
  /** What the engine's crash printed, for the log. */
  readonly onCrash?: (message: string) => void;
}

export interface OpenEngineHost extends EngineHost {
  /** Of the running engine. */
  readonly pid: number | undefined;
  /** Lets the engine save what it does, and end. No call works afterwards. */
  close(): Promise<void>;
}

/** What a call under way needs of the engine. */
interface Running {
  readonly model?: string;
  readonly threads?: number;
  readonly background: boolean;
}

/** The engine of this server: one process, started by the first call, ended when it is idle, begun anew after a crash. */
export function createEngineHost(options: EngineHostOptions = {}): OpenEngineHost {
  const { createEngine = () => new EngineProcess(), idleMinutes = 10 } = options;
  const running = new Set<Running>();
  let engine: EngineProcess | undefined;
  let held: string | undefined;
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  function endWhenIdle(): void {
    clearTimeout(idle);
    if (running.size > 0 || engine === undefined || closed) return;
    idle = setTimeout(() => {
      const ending = engine;
      [engine, held] = [undefined, undefined];
      void ending?.close();
    }, idleMinutes * 60_000);
    // An engine that waits is no reason for its parent to stay.
    idle.unref();
  }

  /** Loading another base, or with other threads, would take the weights away from under what runs. */
  function checkFits(model: string | undefined, threads: number | undefined, background: boolean): void {
    const other = [...running].find((call) => call.background && call.model !== undefined);
    if (background || model === undefined || other?.model === undefined) return;
    if (other.model === model && (threads === undefined || threads === other.threads)) return;
    throw new UserError(
      `The engine is at work with the model ${other.model}; this needs ${model}. Ask again when that has ended, or stop it.`,
    );
  }

  async function call<Method extends EngineMethod>(
    method: Method,
    params: EngineParams<Method>,
    callOptions: CallOptions<Method> = {},
  ): Promise<EngineResult<Method>> {
    if (closed) throw new EngineStopped('The engine is closed.');
    const { model: path, threads: asked } = params as { model?: string; threads?: number };
    if (path !== undefined) options.check?.();
    const background = (callOptions.priority ?? 'background') === 'background';
    const model = path === undefined ? undefined : resolve(path);
    checkFits(model, asked, background);
    // Beside a task under way its number stays: another one would load the model again.
    const beside = [...running].some((other) => other.background);
    const threads = asked ?? (beside || model === undefined ? undefined : options.threads?.());
    const entry: Running = { model, threads, background: background && model !== undefined };
    running.add(entry);
    clearTimeout(idle);
    if (running.size === 1 && engine?.isOutdated) {
      void engine.close();
      [engine, held] = [undefined, undefined];
    }
    engine ??= createEngine();
    const current = engine;
    try {
      const onEvent = (event: Parameters<NonNullable<typeof callOptions.onEvent>>[0]) => {
        if (model !== undefined && !isLoading(event)) held = model;
        callOptions.onEvent?.(event);
      };
      const complete = threads === undefined ? params : { ...params, threads };
      const result = await current.call(method, complete, { ...callOptions, onEvent });
      if (model !== undefined) held = model;
      return result;
    } catch (error) {
      if (!(error instanceof EngineCrashed)) throw error;
      held = undefined;
      options.onCrash?.(error.message);
      throw error;
    } finally {
      running.delete(entry);
      endWhenIdle();
    }
  }

  return {
    call,
    holds: (model) => held !== undefined && held === resolve(model) && engine?.pid !== undefined,
    get busy() {
      return [...running].some(({ background }) => background);
    },
    get pid() {
      return engine?.pid;
    },
    async close() {
      closed = true;
      clearTimeout(idle);
      await engine?.close();
    },
  };
}

function isLoading(event: unknown): boolean {
  const { kind, what } = event as { kind?: string; what?: string };
  return kind === 'progress' && (what === 'loading' || what === 'loading the model');
}

/** What a person reads when the engine ended in the middle of something: the reason alone, its output goes to the log. */
export function crashSentence(error: EngineCrashed): string {
  return error.message.split('\n', 1)[0];
}
