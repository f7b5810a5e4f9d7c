import type { Job } from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { timeLeft } from './amounts.ts';
import { isLive, progressText } from './stages.ts';

export type ServerState = 'stopped' | 'starting' | 'running' | 'restarting' | 'failed';

export interface StatusText {
  readonly text: string;
  readonly tooltip: string;
  /** Of the command table. */
  readonly command: 'palate.showTraining' | 'palate.showLog';
}

/** What the status bar says: the training job first, else the oldest other one, else that Palate is there. */
export function statusText(server: ServerState, jobs: readonly Job[]): StatusText {
  if (server === 'failed') {
    return {
      text: `$(warning) ${t('Palate stopped')}`,
      tooltip: t(
        "Palate's server stopped and was not started again. Click to read why; Palate: Restart Server tries again.",
      ),
      command: 'palate.showLog',
    };
  }
  if (server === 'restarting' || server === 'starting') {
    const tooltip = t("Palate's server is starting.");
    return { text: `$(loading~spin) ${t('Palate')}`, tooltip, command: 'palate.showLog' };
  }
  const live = jobs.filter(isLive);
  const job = live.find(({ kind }) => kind === 'train') ?? live[0];
  if (!job) {
    return { text: `$(graph-line) ${t('Palate')}`, tooltip: t('Show training'), command: 'palate.showTraining' };
  }
  const where = whereJobIs(job);
  // Without the adapter's name, for which only the tooltip has room.
  const { device = '' } = job.progress ?? {};
  // A download says it beside its bytes.
  const left = job.progress?.unit === 'bytes' ? '' : timeLeft(job.progress?.secondsLeft);
  return {
    text: `$(sync~spin) ${[where, device.replace(/ \(.*/, ''), left].filter(Boolean).join(' · ')}`,
    tooltip: [
      job.title,
      where,
      device && t('on {0}', device),
      left,
      ...(live.length > 1 ? [t('and {0} more', live.length - 1)] : []),
    ]
      .filter(Boolean)
      .join('\n'),
    command: 'palate.showTraining',
  };
}

function whereJobIs({ status, progress, title }: Job): string {
  if (status === 'stopping') return t('saving, then stopping');
  if (status === 'waiting') return t('{0}: waiting', title);
  return progress ? progressText(progress) : title;
}
