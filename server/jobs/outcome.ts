import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../engine/weights/files.ts';
import { UserError } from '../errors.ts';
import type { ClientParams } from '../protocol/client.ts';
import type { GeneratedAnswer, Outcome, OutcomeRow, ProjectFolder, Prompt, PromptRow } from '../protocol/types.ts';
import { EngineStopped } from './engineProcess.ts';
import type { JobContext, JobEnding, JobHandle } from './jobQueue.ts';
import { runBase, runModels } from './models.ts';
import { type JobParts, runsHere } from './openProject.ts';
import { listRuns, readRunSummary, runFolder } from './runs.ts';

export const outcomeName = 'outcome.json';
const defaultPrompts = 12;
/** Prompts between two times that the file is written. */
const promptsAtOnce = 4;

interface Comparing {
  readonly run: string;
  readonly model: string;
  readonly adapters: Partial<Record<'sft' | 'reward' | 'policy', string>> & { readonly policy: string };
  readonly prompts: readonly Prompt[];
  readonly sampling: 'greedy' | { readonly temperature: number };
  readonly maxNewTokens: number;
  readonly seed: number;
}

/**
 * Answers prompts with the model before a run (its SFT adapter, else the bare base) and after it (its policy), with the
 * same random numbers, and judges both with the run's reward model, into the run's outcome.json.
 *
 * @throws UserError where there is no policy or no prompt
 */
export async function startComparing(
  parts: JobParts,
  request: Omit<ClientParams<'outcome'>, 'project'>,
): Promise<JobHandle> {
  const comparing = await planComparing(parts, request);
  return parts.queue.add({
    project: parts.project,
    kind: 'outcome',
    title: `Compare before and after: ${comparing.run}`,
    run: comparing.run,
    work: (context) => compare(parts, comparing, context),
  });
}

/** What the newest comparison of a run found; null: there was none. */
export function readOutcome(project: ProjectFolder, run: string): Outcome | null {
  const path = join(runFolder(project, run), outcomeName);
  try {
    const { version: _, ...outcome } = JSON.parse(readFileSync(path, 'utf8')) as Outcome & { version: number };
    return outcome;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UserError(`${path} cannot be read: ${(error as Error).message}. Compare again to replace it.`);
  }
}

async function planComparing(
  parts: JobParts,
  { run: asked, prompts: count = defaultPrompts, sampling = 'sampled' }: Omit<ClientParams<'outcome'>, 'project'>,
): Promise<Comparing> {
  const { project, store } = parts;
  const run = asked ?? (await newestWithPolicy(parts));
  await readRunSummary(project, run, runsHere(parts));
  const adapters = runModels(project, run);
  const { policy } = adapters;
  if (policy === undefined) throw new UserError(`The run ${run} has no policy yet: PPO makes it.`);
  const config = await store.config();
  const prompts = (await store.prompts()).map(({ prompt }) => prompt);
  if (prompts.length === 0) throw new UserError('There are no prompts to compare with: write some into prompts/.');
  const { temperature, maxNewTokens } = config.generate;
  return {
    run,
    model: runBase(project, run),
    adapters: { ...adapters, policy },
    prompts: spread(prompts, count),
    sampling: sampling === 'greedy' ? 'greedy' : { temperature },
    maxNewTokens,
    seed: config.seed,
  };
}

async function newestWithPolicy(parts: JobParts): Promise<string> {
  const runs = await listRuns(parts.project, runsHere(parts));
  const found = runs.find(({ stages }) => stages.some(({ stage, status }) => stage === 'ppo' && status === 'done'));
  if (!found) throw new UserError('No run of this project has a policy yet: train with PPO first.');
  return found.id;
}

/** As many of the prompts, evenly over all of them, in their order: not only the first file's. */
function spread(prompts: readonly Prompt[], count: number): Prompt[] {
  const taken = Math.min(count, prompts.length);
  return Array.from({ length: taken }, (_, k) => prompts[Math.floor((k * prompts.length) / taken)]);
}

async function compare(parts: JobParts, comparing: Comparing, context: JobContext): Promise<JobEnding> {
  const { prompts, run } = comparing;
  const folder = runFolder(parts.project, run);
  const output = join(folder, outcomeName);
  const rows: OutcomeRow[] = [];
  const began = performance.now();
  const tell = (what: string) => {
    const seconds = (performance.now() - began) / 1000;
    const secondsLeft = rows.length > 0 ? (seconds / rows.length) * (prompts.length - rows.length) : undefined;
    context.progress({ what, done: rows.length, total: prompts.length, secondsLeft });
  };
  tell('loading the model');
  try {
    for (let start = 0; start < prompts.length; start += promptsAtOnce) {
      const group = prompts.slice(start, start + promptsAtOnce);
      rows.push(...(await compareGroup(parts, comparing, group, start, context.signal, tell)));
      const outcome = outcomeOf(comparing, rows);
      writeFileAtomically(output, [`${JSON.stringify({ version: 1, ...outcome }, null, 2)}\n`]);
    }
  } catch (error) {
    // What was compared before is in the file.
    if (!(error instanceof EngineStopped) || rows.length === 0) throw error;
    return { status: 'stopped', summary: summaryOf(outcomeOf(comparing, rows), prompts.length), output };
  }
  return { status: 'done', summary: summaryOf(outcomeOf(comparing, rows), prompts.length), output };
}

async function compareGroup(
  parts: JobParts,
  comparing: Comparing,
  group: readonly Prompt[],
  start: number,
  signal: AbortSignal,
  tell: (what: string) => void,
): Promise<OutcomeRow[]> {
  const { adapters } = comparing;
  tell('answering as before');
  const before = await answers(parts, comparing, group, start, adapters.sft, signal);
  tell('answering as after');
  const after = await answers(parts, comparing, group, start, adapters.policy, signal);
  tell('judging');
  const rewards = await rewardsOf(parts, comparing, group, [...before, ...after], signal);
  const side = ({ text, finished }: GeneratedAnswer, at: number) => ({
    text,
    finished,
    ...(rewards === undefined ? {} : { reward: rewards[at] }),
  });
  return group.map((prompt, k) => ({
    prompt,
    before: side(before[k], k),
    after: side(after[k], group.length + k),
  }));
}

async function answers(
  { engine }: JobParts,
  { model, sampling, maxNewTokens, seed }: Comparing,
  group: readonly Prompt[],
  start: number,
  adapter: string | undefined,
  signal: AbortSignal,
): Promise<GeneratedAnswer[]> {
  const rows = group.map(
    ({ content }): PromptRow => (typeof content === 'string' ? { prompt: content } : { messages: content }),
  );
  const found: GeneratedAnswer[] = [];
  const params = { model, adapter, source: { rows }, sampling, maxNewTokens, seed: (seed + start) % 2 ** 32 };
  await engine.call('generate', params, {
    signal,
    onEvent: (event) => void (event.kind === 'row' && found.push(event.row)),
  });
  return found;
}

async function rewardsOf(
  { engine }: JobParts,
  { model, adapters }: Comparing,
  group: readonly Prompt[],
  texts: readonly GeneratedAnswer[],
  signal: AbortSignal,
): Promise<number[] | undefined> {
  if (adapters.reward === undefined) return undefined;
  const rows = texts.map(({ text, finished }, k) => ({
    prompt: group[k % group.length].content,
    completion: text,
    finished,
  }));
  const rewards: number[] = [];
  await engine.call(
    'score',
    { model, adapter: adapters.reward, source: { rows } },
    {
      signal,
      onEvent: (event) => void (event.kind === 'row' && 'reward' in event.row && rewards.push(event.row.reward)),
    },
  );
  return rewards;
}

function outcomeOf({ run, adapters }: Comparing, rows: readonly OutcomeRow[]): Outcome {
  const beforeModel = adapters.sft === undefined ? 'base' : 'sft';
  const mean = (side: 'before' | 'after') => rows.reduce((sum, row) => sum + (row[side].reward ?? 0), 0) / rows.length;
  const judged = rows.length > 0 && rows.every(({ after }) => after.reward !== undefined);
  return { run, beforeModel, rows, ...(judged ? { rewardBefore: mean('before'), rewardAfter: mean('after') } : {}) };
}

function summaryOf({ rows, rewardBefore, rewardAfter }: Outcome, asked: number): string {
  const count = rows.length === asked ? `${asked} prompts` : `${rows.length} of ${asked} prompts`;
  if (rewardBefore === undefined || rewardAfter === undefined) return `${count} compared`;
  return `${count} compared: mean reward ${rewardBefore.toFixed(2)} before, ${rewardAfter.toFixed(2)} after`;
}
