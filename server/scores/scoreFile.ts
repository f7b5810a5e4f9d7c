import { open, rename, rm } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import type { CompletionRow, ScoredText } from '../protocol/types.ts';
import { countLines, type FileRow, fileRows } from './fileLines.ts';
import { scoredTexts } from './scoredTexts.ts';
import type { RowScore, ScoreOptions, Scorer } from './scorer.ts';

export interface ScoredFile {
  /** Absolute where `file` was: NAME.scores.jsonl. */
  readonly output: string;
  readonly rows: number;
  /** Rows that have no score; their lines say why. */
  readonly failed: number;
  /** Mean over all rewards. */
  readonly mean: number;
  /** Share of pairs whose chosen response has the higher reward; undefined where there is no pair. */
  readonly accuracy?: number;
}

/** Rows that are scored together: enough to fill batches, little enough to be held. */
const piece = 256;

/**
 * Scores every row of a JSONL or JSON file and writes NAME.scores.jsonl beside it, as `palate score --json` prints:
 * {row, reward} or {row, chosen, rejected, margin}, in order; for a row that can't be scored {row, line, error}. The file
 * is whole or, where this throws, as it was; what was scored until then is in the cache.
 *
 * @throws UserError where nothing can be read, scored or written; EngineStopped
 */
export async function scoreFile(scorer: Scorer, file: string, options: ScoreOptions = {}): Promise<ScoredFile> {
  const output = `${file.replace(/\.(jsonl|ndjson|json)$/i, '')}.scores.jsonl`;
  const temporary = `${output}.${process.pid}.tmp`;
  if ((await scorer.rewardModel()) === undefined) await scorer.scoreEach([], options);
  const total = /\.json$/i.test(file) ? 0 : await countLines(file).catch(() => 0);
  const target = await open(temporary, 'w').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`Cannot write ${output}: ${error.code ?? error.message}.`, { cause: error });
  });
  const tally = new Tally();
  try {
    for await (const rows of inPieces(fileRows(file))) {
      const lines = await scorePiece(scorer, rows, tally, options);
      await target.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      options.onProgress?.(tally.rows, Math.max(total, tally.rows));
    }
    const summary = tally.summary(output, file);
    await target.sync();
    await target.close();
    await rename(temporary, output);
    return summary;
  } finally {
    await target.close().catch(() => {});
    await rm(temporary, { force: true });
  }
}

/**
 * The reward of a text that somebody selected.
 *
 * @param row the response that the text is; absent: it stands alone, and is read from its first token on
 */
export async function scoreText(
  scorer: Scorer,
  text: string,
  row: CompletionRow = { prompt: '', completion: text, finished: false },
): Promise<ScoredText> {
  if (text.trim() === '') throw new UserError('The selection is empty: select the text that shall be scored.');
  const [score] = await scorer.score([row]);
  return score;
}

async function* inPieces(rows: AsyncIterable<FileRow>): AsyncGenerator<FileRow[], void> {
  let held: FileRow[] = [];
  for await (const row of rows) {
    held.push(row);
    if (held.length < piece) continue;
    yield held;
    held = [];
  }
  if (held.length > 0) yield held;
}

type Line = Readonly<Record<string, unknown>>;

async function scorePiece(
  scorer: Scorer,
  rows: readonly FileRow[],
  tally: Tally,
  { signal, priority }: ScoreOptions,
): Promise<Line[]> {
  const found = rows.map(({ value, problem }) => {
    const judged = value && scoredTexts(value);
    const nothing = 'It has no text, completion, messages with an answer, or chosen and rejected.';
    return { texts: Object.values(judged?.texts ?? {}), problem: problem ?? (judged ? judged.problem : nothing) };
  });
  const texts: CompletionRow[] = found.flatMap((row) => row.texts);
  const scores = texts.length > 0 ? [...(await scorer.scoreEach(texts, { signal, priority }))] : [];
  return found.map(({ texts, problem }, k) =>
    tally.line(rows[k].line, problem === undefined ? scores.splice(0, texts.length) : [{ error: problem }]),
  );
}

class Tally {
  rows = 0;
  #failed = 0;
  #rewards = 0;
  #sum = 0;
  #pairs = 0;
  #agreed = 0;
  #firstError: string | undefined;

  line(line: number, scores: readonly RowScore[]): Line {
    const row = this.rows++;
    const failed = scores.find((score) => 'error' in score);
    if (failed && 'error' in failed) {
      this.#failed++;
      this.#firstError ??= `line ${line}: ${failed.error}`;
      return { row, line, error: failed.error };
    }
    const rewards = scores.map((score) => (score as ScoredText).reward);
    this.#rewards += rewards.length;
    for (const reward of rewards) this.#sum += reward;
    if (rewards.length < 2) return { row, reward: rewards[0] };
    const [chosen, rejected] = rewards;
    this.#pairs++;
    this.#agreed += chosen > rejected ? 1 : chosen === rejected ? 0.5 : 0;
    return { row, chosen, rejected, margin: chosen - rejected };
  }

  summary(output: string, file: string): ScoredFile {
    if (this.rows === 0) throw new UserError(`${file} is empty: one JSON object a line is expected.`);
    if (this.#failed === this.rows) {
      throw new UserError(`No row of ${file} can be scored; ${this.#firstError}`);
    }
    return {
      output,
      rows: this.rows,
      failed: this.#failed,
      mean: this.#sum / this.#rewards,
      ...(this.#pairs > 0 ? { accuracy: this.#agreed / this.#pairs } : {}),
    };
  }
}
