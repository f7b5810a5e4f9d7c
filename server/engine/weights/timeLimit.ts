import { createContext, Script } from 'node:vm';

/** `work` took longer than it may. */
export class TimeLimitError extends Error {}

// Node can stop what it has started as a script, a regular expression in the midst of its search included.
const scope = createContext({ work: undefined as (() => unknown) | undefined });
const call = new Script('work()');

/**
 * What `work` gives, or a TimeLimitError once `milliseconds` are over. It costs the start of a thread, a tenth of a
 * millisecond or two. `work` ends at any point, without its `finally`: what it had begun to change is not to be used again.
 */
export function withinTime<Result>(milliseconds: number, work: () => Result): Result {
  scope.work = work;
  try {
    return call.runInContext(scope, { timeout: Math.ceil(milliseconds) }) as Result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new TimeLimitError(`More than ${milliseconds} ms.`);
  } finally {
    scope.work = undefined;
  }
}
