import type { EngineMethod, EngineParams, EngineResult } from '../protocol/engine.ts';
import type { CallOptions } from './engineProcess.ts';

/** The one engine of this server, as everything but jobs sees it. */
export interface EngineHost {
  /** As EngineProcess.call; the engine starts with the first call and ends when nobody has called it for a while. */
  call<Method extends EngineMethod>(
    method: Method,
    params: EngineParams<Method>,
    options?: CallOptions<Method>,
  ): Promise<EngineResult<Method>>;
  /** Whether the engine runs and has this base model in memory: a call for it will not load anything. */
  holds(model: string): boolean;
  /** Whether a background task is under way. */
  readonly busy: boolean;
}
