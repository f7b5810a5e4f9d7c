import type { LabelledScores, RowScore } from '../scores/scorer.ts';

export const pendingLabel = '…';
/** Of a text that has no score and will have none. */
export const noScoreLabel = '–';

/** A reward to one decimal, with its sign: +1.8, −0.4, 0.0. */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  if (Number(text) === 0) return text;
  return `${value > 0 ? '+' : '−'}${text}`;
}

export function labelOf(score: RowScore): string {
  return 'error' in score ? noScoreLabel : signed(score.reward);
}

/** What is behind a reward, in lines: how it stands among the labelled ones, and who says so. */
export function explained(score: RowScore, labelled: LabelledScores, judge: string): string[] {
  if ('error' in score) return [`No reward: ${score.error}`];
  const { reward, percentile } = score;
  const minus = reward < 0 ? '−' : '';
  return [`Reward ${minus}${Math.abs(reward).toFixed(2)}`, standing(percentile, labelled), `Reward model: ${judge}`];
}

function standing(percentile: number | undefined, { responses }: LabelledScores): string {
  if (percentile === undefined) return 'Percentile: not known before ten labelled responses are scored';
  const share = Math.round(percentile * 100);
  return `Higher than ${share} % of ${responses} labelled responses`;
}

/** Where a reward adapter comes from: the run's name, else its folder. */
export function judgeOf(adapter: string): string {
  const parts = adapter.split(/[\\/]/);
  const runs = parts.lastIndexOf('runs');
  return runs >= 0 && runs + 1 < parts.length ? parts.slice(runs + 1).join('/') : adapter;
}

export function megabytes(characters: number): string {
  return `${(characters / 2 ** 20).toFixed(1)} MB`;
}
