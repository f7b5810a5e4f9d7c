import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { likedShare, type Taste } from '../../../server/demo/judge.ts';
import type { EngineProcess } from '../../../server/jobs/engineProcess.ts';
import { packageRoot } from '../../../server/paths.ts';
import type { EvaluateSummary, PreferenceRow, TextEvaluation } from '../../../server/protocol/types.ts';

export interface Answer {
  readonly prompt: string;
  readonly text: string;
  readonly finished: boolean;
}

/** What every step of the proof needs. */
export interface Bench {
  readonly engine: EngineProcess;
  /** A GGUF file or a Hugging Face folder. */
  readonly model: string;
  readonly taste: Taste;
  readonly maxNewTokens: number;
}

const turn = (prompt: string) => [{ role: 'user', content: prompt }];

/** Answers at temperature 1, those of one prompt together, prompts in order. Without an adapter: the bare model's. */
export async function sampleAnswers(
  { engine, model, maxNewTokens }: Bench,
  adapter: string | undefined,
  prompts: readonly string[],
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const rows = prompts.map((prompt) => ({ messages: turn(prompt) }));
  const sampling = { temperature: 1 };
  await engine.call(
    'generate',
    { model, adapter, source: { rows }, samples, seed, maxNewTokens, sampling },
    {
      onEvent(event) {
        if (event.kind !== 'row') return;
        const { row, text, finished } = event.row;
        answers.push({ prompt: prompts[row], text, finished });
      },
    },
  );
  return answers;
}

/**
 * Comparisons of a liked with a disliked answer to the same prompt, at most `count`: first one a prompt, then a second one,
 * so that as many different answers as possible take part. No comparison repeats.
 */
export function compareAnswers(answers: readonly Answer[], taste: Taste, count: number): PreferenceRow[] {
  const byPrompt = new Map<string, { liked: Answer[]; disliked: Answer[] }>();
  const seen = new Set<string>();
  for (const answer of answers) {
    const key = JSON.stringify([answer.prompt, answer.text]);
    if (answer.text.trim() === '' || seen.has(key)) continue;
    seen.add(key);
    const sides = byPrompt.get(answer.prompt) ?? { liked: [], disliked: [] };
    sides[taste.likes(answer.text) ? 'liked' : 'disliked'].push(answer);
    byPrompt.set(answer.prompt, sides);
  }
  const rounds: PreferenceRow[][] = [];
  for (const [prompt, { liked, disliked }] of byPrompt) {
    if (liked.length === 0 || disliked.length === 0) continue;
    for (let round = 0; round < Math.max(liked.length, disliked.length); round++) {
      const [chosen, rejected] = [liked[round % liked.length], disliked[round % disliked.length]];
      rounds[round] ??= [];
      rounds[round].push({
        prompt: turn(prompt),
        chosen: chosen.text,
        rejected: rejected.text,
        chosenFinished: chosen.finished,
        rejectedFinished: rejected.finished,
      });
    }
  }
  return rounds.flat().slice(0, count);
}

/** Writes comparisons with TRL's columns, conversational. */
export function writeComparisons(file: string, rows: readonly PreferenceRow[]): void {
  const assistant = (content: string) => [{ role: 'assistant', content }];
  const lines = rows.map(({ prompt, chosen, rejected, chosenFinished, rejectedFinished }) =>
    JSON.stringify({
      prompt,
      chosen: assistant(chosen),
      rejected: assistant(rejected),
      chosen_finished: chosenFinished,
      rejected_finished: rejectedFinished,
    }),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
}

/** The command line as a person runs it; what it says on the way goes to stderr. Returns its last line of JSON. */
export async function runCommand(words: readonly string[]): Promise<Record<string, unknown>> {
  const program = join(packageRoot(), 'out', 'server', 'cli.js');
  const child = spawn(process.execPath, [program, ...words, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`palate ${words.join(' ')} ended with code ${code}.`);
  return JSON.parse(output.trimEnd().split('\n').at(-1)!);
}

/** Share of comparisons in which the reward model prefers what was preferred. */
export async function rewardAccuracy(
  { engine, model }: Bench,
  adapter: string,
  rows: readonly PreferenceRow[],
): Promise<number> {
  const summary = await engine.call('evaluate', { model, adapter, source: { rows } });
  if (!('accuracy' in summary)) throw new Error('Preference rows were not evaluated as such.');
  return summary.accuracy;
}

/** How likely a model finds answers; with a reference, how far it is from it. */
export async function judgeAnswers(
  { engine, model }: Bench,
  answers: readonly Answer[],
  adapters: { readonly adapter?: string; readonly reference?: string } = {},
): Promise<TextEvaluation> {
  const rows = answers
    .filter(({ text, finished }) => text !== '' || finished)
    .map(({ prompt, text, finished }) => ({ prompt: turn(prompt), completion: text, finished }));
  const summary: EvaluateSummary = await engine.call('evaluate', { model, ...adapters, source: { rows } });
  if (!('perplexity' in summary)) throw new Error('Answers were not evaluated as such.');
  return summary;
}

export function shareLiked({ taste }: Bench, answers: readonly Answer[]): number {
  return likedShare(
    taste,
    answers.map(({ text }) => text),
  );
}

/**
 * The folder of a proof, and what is already in it: a long proof that was interrupted goes on where it stood.
 */
export class Notebook {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The value noted under a name, or the one that `make` gives, noted. */
  async kept<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    const file = this.path(`${name}.json`);
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Value;
    const value = await make();
    writeFileSync(file, JSON.stringify(value));
    return value;
  }
}
