import type { Serialisable, Stage, StageEvent } from '../../server/engine/stages/stage.ts';

/** What an async generator returns, its events thrown away. */
export async function resultOf<Result>(generator: AsyncGenerator<unknown, Result>): Promise<Result> {
  for (;;) {
    const next = await generator.next();
    if (next.done) return next.value;
  }
}

/** Runs a stage to its end, or to the end of optimiser step `until`, and gives all events but 'work'. */
export async function runStage<State extends Serialisable>(
  stage: Stage<State>,
  state: State,
  options: { readonly until?: number } = {},
): Promise<StageEvent[]> {
  const events: StageEvent[] = [];
  for await (const event of stage.run(state)) {
    if (event.kind !== 'work') events.push(event);
    if (event.kind === 'step' && event.step === options.until) break;
  }
  return events;
}

/** The metrics of the optimiser steps. */
export function stepMetrics(events: readonly StageEvent[]): Record<string, number>[] {
  return events.flatMap((event) => (event.kind === 'step' ? [event.metrics] : []));
}

/** A copy that shares no array: what a checkpoint would hold. */
export function copyOf<State>(state: State): State {
  return structuredClone(state);
}
