import { isAbsolute, join } from 'node:path';
import { UserError } from '../errors.ts';
import { scoreFile } from '../scores/scoreFile.ts';
import type { Scorer } from '../scores/scorer.ts';
import type { JobContext, JobEnding, JobHandle } from './jobQueue.ts';
import { activeReward, type UsableModel } from './models.ts';
import { type JobParts, modelsOf } from './openProject.ts';

/**
 * Scores every row of a JSONL file with the project's active reward model, into NAME.scores.jsonl beside it: a line a
 * row, {row, reward} or {row, chosen, rejected, margin}.
 *
 * @throws UserError where there is no reward model
 */
export async function startScoring(parts: JobParts, scorer: Scorer, path: string): Promise<JobHandle> {
  const file = isAbsolute(path) ? path : join(parts.project, path);
  const reward = await requireReward(parts);
  return parts.queue.add({
    project: parts.project,
    kind: 'score',
    title: `Score ${file}`,
    work: (context) => score(scorer, file, reward, context),
  });
}

async function requireReward(parts: JobParts): Promise<UsableModel> {
  const reward = await activeReward(modelsOf(parts, await parts.store.config()));
  if (reward) return reward;
  throw new UserError('This project has no reward model yet: label comparisons, then train one.');
}

async function score(scorer: Scorer, file: string, reward: UsableModel, context: JobContext): Promise<JobEnding> {
  const began = performance.now();
  context.progress({ what: 'loading the model', done: 0, total: 0 });
  const { output, rows, failed, mean, accuracy } = await scoreFile(scorer, file, {
    signal: context.signal,
    priority: 'background',
    onProgress(done, total) {
      const seconds = (performance.now() - began) / 1000;
      const secondsLeft = done > 0 && seconds > 1 ? (seconds / done) * (total - done) : undefined;
      context.progress({ what: 'scoring', done, total, secondsLeft });
    },
  });
  const agreement = accuracy === undefined ? '' : `, ${Math.round(accuracy * 100)} % agree with their label`;
  const without = failed > 0 ? `; ${failed} have no score, and their lines say why` : '';
  return {
    status: 'done',
    summary: `${rows} rows scored with ${reward.id}: mean ${mean.toFixed(2)}${agreement}${without}`,
    output,
  };
}
