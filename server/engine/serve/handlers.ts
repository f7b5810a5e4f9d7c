import type { TaskHandlers } from '../../protocol/engine.ts';
import { exportModel } from '../export.ts';
import { trainRun } from '../run/train.ts';
import { evaluate, generate, score } from '../tasks.ts';
import { openPlan } from '../trainPlan.ts';

/** What the engine does, by method. */
export const handlers: TaskHandlers = {
  generate,
  evaluate,
  score,
  exportModel,
  train: (params, context) => trainRun(params, () => openPlan(params), context),
};
