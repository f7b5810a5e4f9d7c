import type { Job } from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { isLive } from './stages.ts';

export type JobAction = 'showTraining' | 'compareBeforeAfter' | 'resume' | 'openOutput' | 'label' | 'showLog';

export interface JobMessage {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly actions: readonly JobAction[];
}

export function actionTitle(action: JobAction): string {
  switch (action) {
    case 'showTraining':
      return t('Show');
    case 'compareBeforeAfter':
      return t('Compare Before and After');
    case 'resume':
      return t('Resume');
    case 'openOutput':
      return t('Open');
    case 'label':
      return t('Label Comparisons');
    case 'showLog':
      return t('Show Log');
  }
}

/** What to tell when a job has just ended; undefined while it goes on, and for what its own command tells. */
export function endOfJob(before: Job | undefined, job: Job): JobMessage | undefined {
  if (isLive(job) || !before || !isLive(before)) return undefined;
  if (job.status === 'failed') {
    const message = t('{0} failed: {1}', job.title, job.failure ?? t('the log says why'));
    return { level: 'error', message, actions: job.run ? ['resume', 'showTraining', 'showLog'] : ['showLog'] };
  }
  const said = job.summary ? `${job.title}: ${job.summary}` : undefined;
  const also = job.notices.length > 0 ? ` ${job.notices.at(-1)}` : '';
  if (job.kind === 'train') {
    if (job.status === 'done') {
      const message = `${job.summary ?? t('{0} is done.', job.title)}${also}`;
      // A reward model alone answers no prompts.
      const compares = job.progress?.stage !== 'reward';
      return { level: 'info', message, actions: compares ? ['showTraining', 'compareBeforeAfter'] : ['showTraining'] };
    }
    const message = t('{0} is paused; everything up to here is saved.', job.title);
    return { level: 'info', message, actions: ['resume', 'showTraining'] };
  }
  if (job.status !== 'done') {
    return { level: 'info', message: said ?? t('{0} was stopped; what was done is kept.', job.title), actions: [] };
  }
  const message = `${said ?? t('{0} is done.', job.title)}${also}`;
  switch (job.kind) {
    case 'generate':
      return { level: 'info', message, actions: job.output ? ['label', 'openOutput'] : ['label'] };
    case 'score':
      // Its command opens what it wrote.
      return { level: 'info', message, actions: [] };
    case 'outcome':
    case 'download':
      // Their commands go on with what has come.
      return undefined;
  }
}
