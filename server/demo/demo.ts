import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { EngineProcess } from '../jobs/engineProcess.ts';
import type { GeneratedAnswer, StageName } from '../protocol/types.ts';
import { distinct2 } from './distinct.ts';
import { compare, likedShare, tastes } from './judge.ts';
import type { Progress, ProgressStage } from './progress.ts';
import type { DemoSettings } from './settings.ts';

/** What a set of responses is like. */
export interface ResponseFigures {
  /** Share of responses that the stand-in's rule likes. */
  readonly positive: number;
  /** Mean reward by the trained reward model. */
  readonly reward: number;
  readonly distinct2: number;
}

export interface DemoFigures {
  readonly before: ResponseFigures;
  readonly after: ResponseFigures;
  /** Mean exact divergence of a response from the SFT model, nats. */
  readonly kl: number;
  /** Share of fresh pairs in which the reward model prefers what the rule prefers. */
  readonly rewardAccuracy: number;
}

export interface JudgedResponse {
  readonly prompt: string;
  readonly text: string;
  readonly reward: number;
  readonly positive: boolean;
}

export interface DemoResult extends DemoFigures {
  /** The same prompts, in the same order. */
  readonly responses: { readonly before: readonly JudgedResponse[]; readonly after: readonly JudgedResponse[] };
  /** What was counted. */
  readonly counts: { readonly comparisons: number; readonly freshPairs: number };
}

/** The parts of the demo in their order, with their share of its time. */
export function demoStages({ style }: DemoSettings): ProgressStage[] {
  const sft = { name: 'sft', title: 'Supervised fine-tuning', weight: 3 };
  const compare = { name: 'compare', title: 'Sampling and judging comparisons', weight: 2 };
  return [
    ...(style === undefined ? [compare, sft] : [sft, compare]),
    { name: 'reward', title: 'Reward model', weight: 5 },
    { name: 'ppo', title: 'PPO', weight: 10 },
    { name: 'measure', title: 'Measuring on held-out prompts', weight: 5 },
  ];
}

export interface DemoContext {
  readonly engine: EngineProcess;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly settings: DemoSettings;
  readonly seed: number;
  /** The folder of the run: data, adapters, metrics. */
  readonly folder: string;
}

/** The whole loop: style, comparisons, reward model, PPO, and what came of it. Throws EngineStopped when stopped. */
export async function runDemo(context: DemoContext): Promise<DemoResult> {
  const { settings, progress, folder } = context;
  mkdirSync(folder, { recursive: true });
  const files = { style: join(folder, 'style.jsonl'), preferences: join(folder, 'preferences.jsonl') };
  const sft = join(folder, 'sft');
  if (settings.style !== undefined) {
    writeLines(files.style, settings.style);
    progress.begin('sft');
    await train(context, 'sft', files.style);
  }
  // An instruct model answers by itself; its SFT comes after, on what was chosen.
  progress.begin('compare');
  const from = settings.style === undefined ? undefined : sft;
  const pairs = await samplePairs(context, from, settings.prompts.train, settings.comparisons, 1);
  writeLines(files.preferences, pairs);
  if (settings.style === undefined) {
    progress.begin('sft');
    await train(context, 'sft', files.preferences);
  }
  progress.begin('reward');
  await train(context, 'reward', files.preferences);
  progress.begin('ppo');
  await train(context, 'ppo', files.preferences);
  progress.begin('measure');
  return { ...(await measure(context)), counts: { comparisons: pairs.length, freshPairs: settings.freshPairs } };
}

interface PreferenceLine {
  /** Text, or the turns of a conversation, in all three. */
  readonly prompt: unknown;
  readonly chosen: unknown;
  readonly rejected: unknown;
  readonly chosen_finished: boolean;
  readonly rejected_finished: boolean;
}

/** Samples two answers a prompt and lets the rule choose, until there are enough pairs that are not ties. */
export async function samplePairs(
  context: DemoContext,
  adapter: string | undefined,
  prompts: readonly string[],
  count: number,
  round: number,
): Promise<PreferenceLine[]> {
  const { settings, seed, progress } = context;
  const taste = tastes[settings.taste];
  const pairs: PreferenceLine[] = [];
  const seen = new Set<string>();
  for (let pass = 0; pairs.length < count; pass++) {
    if (pass === 40) {
      throw new UserError(
        `Only ${pairs.length} of ${count} comparisons came together: this model's answers hardly differ by the taste "${settings.taste}". Try another --taste.`,
      );
    }
    // A prompt comes back only after all the others.
    const wanted = Math.min(prompts.length, Math.ceil((count - pairs.length) * 1.3) + 8);
    const start = (pass * wanted) % prompts.length;
    const chosen = Array.from({ length: wanted }, (_, k) => prompts[(start + k) % prompts.length]);
    const drawSeed = seed * 1000 + round * 100 + pass;
    const answers = await sample(context, adapter, chosen, { samples: 2, seed: drawSeed });
    for (const [row, prompt] of chosen.entries()) {
      if (pairs.length === count) break;
      const [first, second] = [answers[2 * row], answers[2 * row + 1]];
      const choice = compare(taste, [first.text, second.text]);
      const key = JSON.stringify([prompt, first.text, second.text]);
      if (choice === 'tie' || first.text.trim() === '' || second.text.trim() === '' || seen.has(key)) continue;
      seen.add(key);
      const [better, worse] = choice === 0 ? [first, second] : [second, first];
      pairs.push({
        prompt: settings.chat ? userTurn(prompt) : prompt,
        chosen: settings.chat ? [{ role: 'assistant', content: better.text }] : better.text,
        rejected: settings.chat ? [{ role: 'assistant', content: worse.text }] : worse.text,
        chosen_finished: better.finished,
        rejected_finished: worse.finished,
      });
    }
    progress.update(pairs.length / count, `${pairs.length} of ${count} comparisons`);
  }
  return pairs;
}

const userTurn = (content: string) => [{ role: 'user', content }];

/** Answers in the order of the prompts, the samples of one together. */
export async function sample(
  { engine, settings, signal, progress }: DemoContext,
  adapter: string | undefined,
  prompts: readonly string[],
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Promise<GeneratedAnswer[]> {
  const answers: GeneratedAnswer[] = [];
  const rows = prompts.map((prompt) => (settings.chat ? { messages: userTurn(prompt) } : { prompt }));
  const { model, maxNewTokens } = settings;
  const params = { model, adapter, source: { rows }, samples, seed, maxNewTokens, sampling: { temperature: 1 } };
  await engine.call('generate', params, {
    signal,
    onEvent(event) {
      if (event.kind === 'row') answers.push(event.row);
      else if (event.kind === 'progress' && event.total > 0) progress.update(event.done / event.total, event.what);
    },
  });
  return answers;
}

async function train(context: DemoContext, stage: StageName, data: string): Promise<void> {
  const { engine, settings, signal, progress, seed, folder } = context;
  const { model, maxNewTokens, training, engine: trainer } = settings;
  const config = { value: training, source: 'the demo' };
  const params = { stage, model, data, out: folder, config, seed, maxNewTokens, engine: trainer };
  const { status } = await engine.call('train', params, {
    signal,
    onEvent(event) {
      if (event.kind === 'notice') progress.say(event.message);
      if (event.kind !== 'metrics' || event.steps === undefined) return;
      progress.update(event.step / event.steps, `step ${event.step} of ${event.steps}`);
    },
  });
  if (status === 'paused') throw new UserError(`The demo was stopped; what it has is in ${folder}.`);
}

async function measure(context: DemoContext): Promise<Omit<DemoResult, 'counts'>> {
  const { settings, folder, seed } = context;
  const [sft, policy] = [join(folder, 'sft'), join(folder, 'policy')];
  const { heldOut } = settings.prompts;
  const prompts = Array.from({ length: settings.responses }, (_, k) => heldOut[k % heldOut.length]);
  const before = await judged(context, sft, prompts, seed * 1000 + 501);
  const after = await judged(context, policy, prompts, seed * 1000 + 502);
  const kl = await divergence(context, after.answers, prompts, { adapter: policy, reference: sft });
  const fresh = await samplePairs(context, sft, heldOut, settings.freshPairs, 6);
  const file = join(folder, 'fresh.jsonl');
  writeLines(file, fresh);
  const rewardAccuracy = await accuracy(context, file);
  const figures = (responses: readonly JudgedResponse[]): ResponseFigures => ({
    positive: likedShare(
      tastes[settings.taste],
      responses.map(({ text }) => text),
    ),
    reward: responses.reduce((sum, { reward }) => sum + reward, 0) / responses.length,
    distinct2: distinct2(responses.map(({ text }) => text)),
  });
  return {
    before: figures(before.responses),
    after: figures(after.responses),
    kl,
    rewardAccuracy,
    responses: { before: before.responses, after: after.responses },
  };
}

async function judged(context: DemoContext, adapter: string, prompts: readonly string[], seed: number) {
  const { engine, settings, signal, folder } = context;
  const answers = await sample(context, adapter, prompts, { samples: 1, seed });
  const rows = completionRows(context, answers, prompts);
  const rewards: number[] = [];
  const params = { model: settings.model, adapter: join(folder, 'reward'), source: { rows } };
  await engine.call('score', params, {
    signal,
    onEvent(event) {
      if (event.kind === 'row' && 'reward' in event.row) rewards.push(event.row.reward);
    },
  });
  const { likes } = tastes[settings.taste];
  const responses = answers.map(({ text }, k): JudgedResponse => {
    return { prompt: prompts[k], text, reward: rewards[k], positive: likes(text) };
  });
  return { answers, responses };
}

export function completionRows(
  { settings }: DemoContext,
  answers: readonly GeneratedAnswer[],
  prompts: readonly string[],
) {
  return answers.map(({ text, finished }, k) => {
    return { prompt: settings.chat ? userTurn(prompts[k]) : prompts[k], completion: text, finished };
  });
}

async function divergence(
  context: DemoContext,
  answers: readonly GeneratedAnswer[],
  prompts: readonly string[],
  adapters: { readonly adapter: string; readonly reference: string },
): Promise<number> {
  const { engine, settings, signal, progress } = context;
  const rows = completionRows(context, answers, prompts);
  const summary = await engine.call(
    'evaluate',
    { model: settings.model, ...adapters, source: { rows } },
    {
      signal,
      onEvent(event) {
        if (event.kind === 'progress' && event.total > 0) progress.update(event.done / event.total, event.what);
      },
    },
  );
  if (!('kl' in summary) || summary.kl === undefined) throw new Error('The divergence was not measured.');
  return summary.kl;
}

async function accuracy({ engine, settings, signal, folder }: DemoContext, file: string): Promise<number> {
  const params = { model: settings.model, adapter: join(folder, 'reward'), source: { file } };
  const summary = await engine.call('evaluate', params, { signal });
  if (!('accuracy' in summary)) throw new Error('The accuracy was not measured.');
  return summary.accuracy;
}

export function writeLines(file: string, rows: readonly unknown[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** The metrics of a run by stage, as metrics.jsonl holds them. */
export function readMetrics(folder: string): Map<StageName, { step: number; values: Record<string, number> }[]> {
  const stages = new Map<StageName, { step: number; values: Record<string, number> }[]>();
  for (const line of readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n')) {
    if (line === '') continue;
    type Line = { stage: StageName; step: number; seconds?: number } & Record<string, number>;
    const { stage, step, seconds, ...values } = JSON.parse(line) as Line;
    stages.set(stage, [...(stages.get(stage) ?? []), { step, values }]);
  }
  return stages;
}
