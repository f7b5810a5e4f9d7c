import type { Job, JobProgress, RunSummary, StageName } from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { bytes, oneLine, timeLeft } from './amounts.ts';

export function stageTitle(stage: StageName | 'all'): string {
  switch (stage) {
    case 'sft':
      return t('SFT');
    case 'reward':
      return t('Reward model');
    case 'ppo':
      return t('PPO');
    case 'all':
      return t('Whole pipeline');
  }
}

/** "PPO 12/50", "generating 12/60", "loading the model". */
export function progressText(progress: JobProgress): string {
  const what = progress.stage ? stageTitle(progress.stage) : progress.what;
  if (progress.unit === 'bytes') return downloadText(what, progress);
  if (progress.total <= 0) return progress.done > 0 ? `${what} ${progress.done}` : what;
  return `${what} ${progress.done}/${progress.total}`;
}

/** "downloading 212 MB of 853 MB, 12 MB/s, 3 min left" */
function downloadText(what: string, { done, total, perSecond, secondsLeft }: JobProgress): string {
  const amount = total > 0 ? t('{0} of {1}', bytes(done), bytes(total)) : bytes(done);
  const pace = perSecond === undefined ? '' : t('{0}/s', bytes(perSecond));
  return [`${what} ${amount}`, pace, timeLeft(secondsLeft)].filter(Boolean).join(', ');
}

/** Share of the work that is done, 0 to 1; undefined where the total is not known. */
export function progressShare({ done, total }: JobProgress): number | undefined {
  return total > 0 ? Math.min(1, Math.max(0, done / total)) : undefined;
}

export const isLive = ({ status }: Pick<Job, 'status'>): boolean =>
  status === 'waiting' || status === 'running' || status === 'stopping';

/** The stage that a run stands at: the one that runs, else the last that was begun. */
export function currentStage(run: RunSummary): RunSummary['stages'][number] | undefined {
  return (
    run.stages.find(({ status }) => status === 'running') ??
    run.stages.findLast(({ step, status }) => status === 'done' || step > 0) ??
    run.stages[0]
  );
}

/** "PPO, step 12 of 50". */
export function whereRunStands(run: RunSummary): string {
  const stage = currentStage(run);
  if (!stage) return t('not begun');
  if (stage.steps > 0) return t('{0}, step {1} of {2}', stageTitle(stage.stage), stage.step, stage.steps);
  return t('{0}, step {1}', stageTitle(stage.stage), stage.step);
}

/** Whether it can be gone on with: paused, failed, or left behind by a process that is gone. */
export const isResumable = (run: RunSummary): boolean =>
  run.runningIn === 'nowhere' && run.status !== 'done' && run.stages.length > 0;

/** Whether it was cut off and should be offered: not what was stopped on purpose, nor what failed and would again. */
export const isOffered = (run: RunSummary): boolean =>
  isResumable(run) && run.status !== 'failed' && run.offered === true;

export function runStatusText(run: RunSummary): string {
  if (run.runningIn === 'elsewhere') return t('running in another process: {0}', whereRunStands(run));
  if (run.runningIn === 'here') return whereRunStands(run);
  switch (run.status) {
    case 'done':
      return t('done');
    case 'failed':
      return t('failed: {0}', oneLine(run.failure ?? ''));
    default:
      return run.stages.length > 0 ? t('paused at {0}', whereRunStands(run)) : t('not begun');
  }
}
