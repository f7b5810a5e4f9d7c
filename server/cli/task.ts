import { Progress } from '../demo/progress.ts';
import type { EngineEvents, EngineParams, EngineResult } from '../protocol/engine.ts';
import type { RowEvent } from '../protocol/types.ts';
import type { Console } from './console.ts';

type RowMethod = 'generate' | 'evaluate' | 'score';
type RowOf<Method extends RowMethod> =
  Extract<EngineEvents[Method], { kind: 'row' }> extends RowEvent<infer Row> ? Row : never;

export interface RowTask<Method extends RowMethod> {
  readonly method: Method;
  readonly params: EngineParams<Method>;
  /** What the bar says: "Generating". */
  readonly title: string;
  /** A row for a person. */
  text(row: RowOf<Method>): string;
  /** The summary for a person. */
  summary(result: EngineResult<Method>): string;
}

/** Runs a method that answers row by row: rows and the summary to stdout, a bar to stderr. */
export async function runRowTask<Method extends RowMethod>(console: Console, task: RowTask<Method>): Promise<number> {
  const { method, params, title } = task;
  const progress = new Progress([{ name: method, title, weight: 1 }]);
  console.onInterrupt(() => progress.stop('Stopping …'));
  progress.begin(method);
  try {
    const result = await console.engine.call(method, params, {
      signal: console.signal,
      onEvent(event: EngineEvents[Method]) {
        if (event.kind === 'progress') {
          progress.update(event.total > 0 ? event.done / event.total : 0, event.what);
        } else if (event.kind === 'notice') {
          progress.say(event.message);
        } else {
          const row = event.row as RowOf<Method>;
          if (console.json) console.resultJson(row);
          else console.result(task.text(row));
        }
      },
    });
    progress.close();
    if (console.json) console.resultJson({ ...result, seconds: console.seconds() });
    else console.result(`${task.summary(result)} · ${console.seconds()} s`);
    return 0;
  } finally {
    progress.stop();
  }
}

/** A number for a person: four significant digits. */
export function shortNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
}
