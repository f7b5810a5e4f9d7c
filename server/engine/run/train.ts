import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Task, TaskContext, TrainParams } from '../../protocol/engine.ts';
import type { StageName, TrainSummary } from '../../protocol/types.ts';
import { type RunLock, takeRunLock } from './lock.ts';
import { checkRunFolder } from './manifest.ts';
import type { RunPlan } from './plan.ts';
import { openRun, type Run } from './run.ts';
import { runStage } from './stageRun.ts';

/** Stages in the order in which each builds on those before it. */
export const stageOrder: readonly StageName[] = ['sft', 'reward', 'ppo'];

/**
 * Runs the stages of a plan one after the other into `params.out`: manifest.json, metrics.jsonl, samples.jsonl,
 * checkpoints/STAGE/step-N, and each finished adapter as a PEFT folder. Stages that are done are passed over, one that
 * was interrupted goes on from its newest checkpoint, and ends with the same bytes as one never interrupted. When
 * `context.signal` aborts it saves, and answers 'paused'.
 *
 * @param openPlan called once the folder is known to be free: it may take long and load a model
 * @throws UserError where another process trains there, the folder holds another run, or --resume finds other settings
 */
export async function* trainRun(
  params: TrainParams,
  openPlan: () => Promise<RunPlan>,
  context: TaskContext,
): Task<'train'> {
  const folder = resolve(params.out);
  const stages = params.stage === 'all' ? stageOrder : [params.stage];
  const created = mkdirFirst(folder);
  let lock: RunLock | undefined;
  let run: Run | undefined;
  let plan: RunPlan | undefined;
  try {
    lock = takeRunLock(folder);
    checkRunFolder(folder, stages, params.resume === true);
    yield { kind: 'progress', what: 'loading', done: 0, total: 0 };
    plan = await openPlan();
    run = await openRun(folder, params, plan, lock);
    return yield* runStages(run, plan, context.signal);
  } catch (error) {
    const sentence = diskSentence(folder, error);
    run?.fail(sentence.message);
    throw sentence;
  } finally {
    lock?.release();
    await plan?.close?.();
    if (created) removeIfEmpty(folder);
  }
}

async function* runStages(run: Run, plan: RunPlan, signal: AbortSignal): Task<'train'> {
  for (const notice of [...(plan.notices ?? []), ...run.notices]) yield { kind: 'notice', message: notice };
  if (plan.stages.every(({ stage }) => run.record(stage).status === 'done')) {
    yield { kind: 'notice', message: `The run in ${run.folder} is already done.` };
  }
  for (const stagePlan of plan.stages) {
    if (run.record(stagePlan.stage).status === 'done') continue;
    if (signal.aborted) return pause(run);
    const finished = yield* runStage(run, plan, stagePlan, signal);
    if (!finished) return pause(run);
  }
  // A run may hold stages that were not asked for this time.
  run.setStatus(run.manifest.stages.every(({ status }) => status === 'done') ? 'done' : 'paused');
  return summaryOf(run, 'done');
}

function pause(run: Run): TrainSummary {
  run.setStatus('paused');
  return summaryOf(run, 'paused');
}

function summaryOf(run: Run, status: TrainSummary['status']): TrainSummary {
  return {
    status,
    out: run.folder,
    adapters: run.adapters(),
    stages: run.manifest.stages.map(({ stage, status, step, metrics }) => ({
      stage,
      status,
      step,
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value ?? Number.NaN])),
    })),
  };
}

/** A full disk and a folder that may not be written are the person's to mend. */
function diskSentence(folder: string, error: unknown): Error {
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: 'no space is left on the disk',
    EDQUOT: 'the disk quota is used up',
    EACCES: 'this user may not write there',
    EPERM: 'this user may not write there',
    EROFS: 'the file system is read-only',
  };
  const reason = reasons[(error as NodeJS.ErrnoException)?.code ?? ''];
  if (reason === undefined) return error instanceof Error ? error : new Error(String(error));
  return new UserError(
    `${folder} cannot be written: ${reason}. What was saved before is whole; --resume goes on from it.`,
    {
      cause: error,
    },
  );
}

function mkdirFirst(folder: string): boolean {
  if (existsSync(folder)) return false;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`The folder ${folder} cannot be made: ${(error as Error).message}.`, { cause: error });
  }
  return true;
}

/** A refused run leaves nothing behind. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds a run.
  }
}
