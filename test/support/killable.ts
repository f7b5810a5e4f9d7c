import type { TaskHandlers } from '../../server/protocol/engine.ts';

/** What an engine reads in its environment: "sft:3". */
const variable = 'PALATE_TEST_DIE_AFTER';

/** The environment of an engine that kills itself as soon as `stage` has taken step `step`. */
export function dyingEnvironment(stage: string, step: number): NodeJS.ProcessEnv {
  return { ...process.env, [variable]: `${stage}:${step}` };
}

/** The same handlers, but for training in an engine that shall die: no later signal could come as exactly. */
export function dieAfterStep(handlers: TaskHandlers): TaskHandlers {
  const last = process.env[variable];
  if (!last) return handlers;
  return {
    ...handlers,
    async *train(params, context) {
      const task = handlers.train(params, context);
      for (;;) {
        const { done, value } = await task.next();
        if (done) return value;
        if (value.kind === 'metrics' && value.steps !== undefined && `${value.stage}:${value.step}` === last) {
          process.kill(process.pid, 'SIGKILL');
        }
        yield value;
      }
    },
  };
}
