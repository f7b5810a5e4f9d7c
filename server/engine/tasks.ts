import { UserError } from '../errors.ts';
import type { EvaluateParams, GenerateParams, ScoreParams, Task } from '../protocol/engine.ts';
import type { CompletionRow, PreferenceRow, RowSource, ScoredPair, TextRow } from '../protocol/types.ts';
import { readJudgedRows, readPromptRows } from '../store/rows.ts';
import { exactDivergences } from './divergence.ts';
import { type Answer, generate as decode, type GenerateOptions } from './generation/generate.ts';
import { openActiveAdapter, openAdapter, openModel } from './loadedModels.ts';
import { activate, type Model } from './model.ts';
import { lastScores, responseLogps, type Scored } from './scoring.ts';
import { preferenceSequences, promptIds, responseIds, type Sequence } from './sequences.ts';
import { deviation, mean } from './stages/common.ts';
import { REWARD_BIAS_KEY } from './weights/adapters.ts';

type JudgedRow = TextRow | CompletionRow | PreferenceRow;

const isPreference = (row: JudgedRow): row is PreferenceRow => 'chosen' in row;

/** Answers decoded together; rows go out as soon as their group is done. Small models waste less time in larger groups. */
const answersAtOnce = ({ config }: Model) => (config.layers * config.width < 2048 ? 128 : 32);

export async function* generate(params: GenerateParams): Task<'generate'> {
  const { samples = 1, maxNewTokens = 128, seed = 0, sampling = { temperature: 1 } } = params;
  const source = rowsOf(params.source, readPromptRows);
  yield { kind: 'progress', what: 'loading the model', done: 0, total: 0 };
  const model = await openModel(params.model, params.threads);
  const adapter = openActiveAdapter(model, params.adapter);
  const prompts = source.flatMap((row, k) => {
    const ids = promptIds(model.tokenizer, 'messages' in row ? row.messages : row.prompt);
    checkLength(model, k, ids.length + 1);
    return Array.from({ length: samples }, () => ids);
  });
  const options: GenerateOptions = { sampling, maxNewTokens, seed, stopIds: model.tokenizer.endIds };
  const totals = { tokens: 0, finished: 0 };
  const expected = prompts.length * maxNewTokens;
  const batch = answersAtOnce(model);
  for (let start = 0; start < prompts.length; start += batch) {
    const group = prompts.slice(start, start + batch);
    const decoding = decode(model, adapter, group, { ...options, batch, firstAnswer: start });
    let next = await decoding.next();
    for (; !next.done; next = await decoding.next()) {
      yield { kind: 'progress', what: 'generating', done: start * maxNewTokens + next.value, total: expected };
    }
    for (const [k, answer] of next.value.entries()) {
      totals.tokens += answer.ids.length;
      totals.finished += answer.finished ? 1 : 0;
      const place = start + k;
      const at = { row: Math.floor(place / samples), sample: place % samples };
      yield { kind: 'row', row: { ...at, text: textOf(model, answer), ...answer } };
    }
  }
  return { rows: source.length, answers: prompts.length, ...totals };
}

function textOf(model: Model, { ids, finished }: Answer): string {
  return model.tokenizer.decode(finished ? ids.slice(0, -1) : ids);
}

export async function* evaluate(params: EvaluateParams): Task<'evaluate'> {
  const rows = rowsOf(params.source, readJudgedRows);
  yield { kind: 'progress', what: 'loading the model', done: 0, total: 0 };
  const model = await openModel(params.model, params.threads);
  if (rows.every(isPreference)) {
    if (params.adapter === undefined) {
      throw new UserError('Preference rows are judged by a reward model: give its folder as --adapter.');
    }
    const scored = yield* scorePairs(model, params.adapter, rows);
    const accuracy = agreement(scored);
    return { rows: rows.length, accuracy, margin: mean(scored.map(({ margin }) => margin)) };
  }
  const adapter = openActiveAdapter(model, params.adapter);
  const sequences = rows.map((row, k) => judgedSequence(model, row as TextRow | CompletionRow, k));
  const logps = yield* progress('evaluating', responseLogps(model, adapter, sequences));
  const divergences = yield* divergencesFrom(model, params, sequences);
  let [total, tokens] = [0, 0];
  for (const [row, { response }] of sequences.entries()) {
    const sum = logps[row].reduce((a, b) => a + b, 0);
    [total, tokens] = [total - sum, tokens + response.length];
    const kl = divergences === undefined ? {} : { kl: divergences[row] };
    const judged = { row, loss: -sum / response.length, tokens: response.length, ...kl };
    yield { kind: 'row', row: { ...judged, ids: [...response], logps: [...logps[row]] } };
  }
  const loss = total / tokens;
  const kl = divergences === undefined ? {} : { kl: mean(divergences) };
  return { rows: rows.length, loss, perplexity: Math.exp(loss), tokens, ...kl };
}

async function* divergencesFrom(model: Model, params: EvaluateParams, sequences: readonly Sequence[]) {
  if (params.reference === undefined) return undefined;
  const folder = params.reference === 'base' ? undefined : params.reference;
  const [policy, reference] = [params.adapter, folder].map((path) => openActiveAdapter(model, path));
  return yield* progress('comparing with the reference', exactDivergences(model, { policy, reference }, sequences));
}

export async function* score(params: ScoreParams): Task<'score'> {
  const rows = rowsOf(params.source, readJudgedRows);
  yield { kind: 'progress', what: 'loading the model', done: 0, total: 0 };
  const model = await openModel(params.model, params.threads);
  if (rows.every(isPreference)) {
    const scored = yield* scorePairs(model, params.adapter, rows);
    const rewards = scored.flatMap(({ chosen, rejected }) => [chosen, rejected]);
    const margin = mean(scored.map((pair) => pair.margin));
    return { ...rewardSummary(rows.length, rewards), accuracy: agreement(scored), margin };
  }
  const sequences = rows.map((row, k) => rewardSequence(model, row as TextRow | CompletionRow, k));
  const rewards = yield* rewardsOf(model, params.adapter, sequences);
  for (const [row, reward] of rewards.entries()) yield { kind: 'row', row: { row, reward } };
  return rewardSummary(rows.length, rewards);
}

async function* scorePairs(model: Model, folder: string, rows: readonly PreferenceRow[]): Scoring<ScoredPair[]> {
  const sequences = rows.flatMap((row, k) => {
    const { chosen, rejected } = preferenceSequences(model.tokenizer, row);
    for (const { prompt, response } of [chosen, rejected]) checkLength(model, k, prompt.length + response.length);
    return [chosen, rejected];
  });
  const rewards = yield* rewardsOf(model, folder, sequences);
  const scored = rows.map((_, row) => {
    const [chosen, rejected] = [rewards[2 * row], rewards[2 * row + 1]];
    return { row, chosen, rejected, margin: chosen - rejected };
  });
  for (const row of scored) yield { kind: 'row', row };
  return scored;
}

async function* rewardsOf(model: Model, folder: string, sequences: readonly Sequence[]): Scoring<number[]> {
  const adapter = openAdapter(model, folder);
  if (adapter.task !== 'SEQ_CLS') {
    throw new UserError(
      `${folder} is an adapter without a score head (task_type ${adapter.task}): it is no reward model.`,
    );
  }
  const bias = Number(adapter.metadata[REWARD_BIAS_KEY] ?? 0);
  const scores = yield* progress('scoring', lastScores(model, activate(adapter), sequences));
  return Array.from(scores, (value) => value + bias);
}

type Scoring<Result> = AsyncGenerator<
  | { readonly kind: 'progress'; readonly what: string; readonly done: number; readonly total: number }
  | { readonly kind: 'row'; readonly row: ScoredPair },
  Result,
  void
>;

async function* progress<Result>(what: string, passes: AsyncGenerator<Scored, Result>) {
  let next = await passes.next();
  for (; !next.done; next = await passes.next()) yield { kind: 'progress', what, ...next.value } as const;
  return next.value;
}

function rowsOf<Row>(source: RowSource<Row>, read: (file: string) => Row[]): readonly Row[] {
  return 'file' in source ? read(source.file) : source.rows;
}

/** Text: every token but the first is judged. A completion: all of its tokens, its end token included. */
function judgedSequence(model: Model, row: TextRow | CompletionRow, k: number): Sequence {
  const sequence = 'text' in row ? textSequence(model, row.text) : completionSequence(model, row);
  checkLength(model, k, sequence.prompt.length + sequence.response.length);
  if (sequence.response.length > 0 && sequence.prompt.length > 0) return sequence;
  throw new UserError(`Row ${k + 1} has fewer than two tokens: nothing in it can be judged.`);
}

function rewardSequence(model: Model, row: TextRow | CompletionRow, k: number): Sequence {
  const sequence = 'text' in row ? textSequence(model, row.text) : completionSequence(model, row);
  checkLength(model, k, sequence.prompt.length + sequence.response.length);
  return sequence;
}

function textSequence(model: Model, text: string): Sequence {
  const [first, ...rest] = model.tokenizer.encode(text);
  return { prompt: first === undefined ? [] : [first], response: rest };
}

function completionSequence({ tokenizer }: Model, { prompt, completion, finished = true }: CompletionRow): Sequence {
  return { prompt: promptIds(tokenizer, prompt), response: responseIds(tokenizer, completion, finished) };
}

function checkLength(model: Model, row: number, tokens: number): void {
  const { maxPositions } = model.config;
  if (tokens <= maxPositions) return;
  throw new UserError(`Row ${row + 1} has ${tokens} tokens; the model reads at most ${maxPositions}. Shorten it.`);
}

function agreement(scored: readonly ScoredPair[]): number {
  return mean(scored.map(({ margin }) => (margin > 0 ? 1 : margin === 0 ? 0.5 : 0)));
}

function rewardSummary(rows: number, rewards: readonly number[]) {
  return { rows, rewards: rewards.length, mean: mean(rewards), deviation: deviation(rewards) };
}
