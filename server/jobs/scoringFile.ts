import { isAbsolute, join } from 'node:path';
import { writeFileAtomically } from '../engine/weights/files.ts';
import { UserError } from '../errors.ts';
import type { ScoredAnswer, ScoredPair } from '../protocol/types.ts';
import { readJudgedRows } from '../store/rows.ts';
import type { JobContext, JobEnding, JobHandle } from './jobQueue.ts';
import { activeReward, type UsableModel } from './models.ts';
import { type JobParts, modelsOf } from './openProject.ts';

/**
 * Scores every row of a JSONL file with the project's active reward model, into NAME.scores.jsonl beside it: a line a
 * row, {row, reward} or {row, chosen, rejected, margin}.
 *
 * @param onRow told of every row as it is scored
 * @throws UserError where there is no reward model
 */
export async function startScoring(
  parts: JobParts,
  path: string,
  onRow?: (row: ScoredAnswer | ScoredPair) => void,
): Promise<JobHandle> {
  const file = isAbsolute(path) ? path : join(parts.project, path);
  const reward = await requireReward(parts);
  const output = scoresPath(file);
  return parts.queue.add({
    project: parts.project,
    kind: 'score',
    title: `Score ${file}`,
    work: (context) => score(parts, { file, reward, output, onRow }, context),
  });
}

/** The active reward model. Throws a UserError where none is trained. */
export async function requireReward(parts: JobParts): Promise<UsableModel & { readonly adapter: string }> {
  const reward = await activeReward(modelsOf(parts, await parts.store.config()));
  if (reward?.adapter !== undefined) return { ...reward, adapter: reward.adapter };
  throw new UserError('This project has no reward model yet: label comparisons, then train one.');
}

export function scoresPath(file: string): string {
  return `${file.replace(/\.(jsonl|ndjson|json)$/i, '')}.scores.jsonl`;
}

interface Scoring {
  readonly file: string;
  readonly reward: UsableModel & { readonly adapter: string };
  readonly output: string;
  readonly onRow?: (row: ScoredAnswer | ScoredPair) => void;
}

async function score(parts: JobParts, scoring: Scoring, context: JobContext): Promise<JobEnding> {
  const { file, reward, output, onRow } = scoring;
  const rows: (ScoredAnswer | ScoredPair)[] = [];
  const began = performance.now();
  context.progress({ what: 'loading the model', done: 0, total: 0 });
  const { model, adapter } = reward;
  const result = await parts.engine.call(
    'score',
    { model, adapter, source: { file } },
    {
      signal: context.signal,
      onEvent(event) {
        if (event.kind === 'notice') return context.notice(event.message);
        if (event.kind === 'row') {
          rows.push(event.row);
          return onRow?.(event.row);
        }
        const { what, done, total } = event;
        const seconds = (performance.now() - began) / 1000;
        const secondsLeft = done > 0 && seconds > 1 ? (seconds / done) * (total - done) : undefined;
        context.progress({ what, done, total, secondsLeft });
      },
    },
  );
  writeFileAtomically(
    output,
    rows.map((row) => `${JSON.stringify(row)}\n`),
  );
  const agreement =
    result.accuracy === undefined ? '' : `, ${Math.round(result.accuracy * 100)} % agree with their label`;
  return {
    status: 'done',
    summary: `${result.rows} rows scored with ${reward.id}: mean ${result.mean.toFixed(2)}${agreement}`,
    output,
  };
}

/** Whether a file is one that can be scored, before anything is loaded. Throws a UserError naming the line. */
export function checkScorable(file: string): void {
  readJudgedRows(file);
}
