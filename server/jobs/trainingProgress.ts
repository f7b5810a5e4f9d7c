import type { EngineEvents } from '../protocol/engine.ts';
import type { JobProgress } from '../protocol/types.ts';
import type { JobContext } from './jobQueue.ts';
import { createTimeLeft, type TimedPart } from './timeLeft.ts';

/**
 * Turns the engine's events into a job's progress: optimiser steps of the stage, and the time that all stages take.
 *
 * @param parts the stages, with their share of the time
 */
export function watchTraining(
  parts: readonly TimedPart[],
  context: Pick<JobContext, 'progress' | 'notice'>,
  now?: () => number,
): (event: EngineEvents['train']) => void {
  const timeLeft = createTimeLeft(parts, now);
  let progress: JobProgress = { what: 'loading the model', done: 0, total: 0 };
  /** Of a stage that is gone on with: where it stands, before its first step says how many there are. */
  let resumedAt: number | undefined;
  const tell = (change: Partial<JobProgress>) => {
    progress = { ...progress, ...change, secondsLeft: timeLeft.secondsLeft() };
    context.progress(progress);
  };
  return (event) => {
    if (event.kind === 'notice') {
      context.notice(event.message);
    } else if (event.kind === 'stage') {
      if (event.status === 'done') return tell({ done: progress.total });
      const { device } = event;
      if (event.status === 'moved') {
        // What it took until now says nothing of another device's pace.
        timeLeft.begin(event.stage, progress.total > 0 ? progress.done / progress.total : 0);
        return tell({ device });
      }
      timeLeft.begin(event.stage);
      resumedAt = event.status === 'resumed' ? event.step : undefined;
      tell({ stage: event.stage, device, what: 'starting', done: event.step, total: 0 });
    } else if (event.kind === 'metrics') {
      const { stage, step, steps } = event;
      if (!steps) return;
      if (resumedAt !== undefined) timeLeft.begin(stage, resumedAt / steps);
      resumedAt = undefined;
      timeLeft.update(step / steps);
      tell({ stage, what: 'training', done: step, total: steps });
    } else if (event.kind === 'progress') {
      tell({ what: event.what });
    }
  };
}
