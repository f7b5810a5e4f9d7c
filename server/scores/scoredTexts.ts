import { UserError } from '../errors.ts';
import type { CompletionRow } from '../protocol/types.ts';
import { judgedRowOf } from '../store/rows.ts';

/** The columns that hold a text with a score. */
export const scoredColumns = ['chosen', 'rejected', 'text', 'completion', 'response', 'messages'] as const;
export type ScoredColumn = (typeof scoredColumns)[number];

/** What of a row is scored, column by column; or why it can't be. */
export interface ScoredTexts {
  readonly texts: Readonly<Partial<Record<ScoredColumn, CompletionRow>>>;
  /** A sentence; the columns that it is about stand in `texts` no more. */
  readonly problem?: string;
}

type Value = Readonly<Record<string, unknown>>;

/**
 * What of a row is scored: the two answers of a preference row, or its text, completion, response (another name of
 * completion), or the last assistant's turn of its messages. As in readJudgedRows, but for what comes after that turn.
 * Undefined: the row has none of these columns, or nobody has answered in it yet.
 */
export function scoredTexts(value: Value): ScoredTexts | undefined {
  const has = (name: string) => Object.hasOwn(value, name) && value[name] !== undefined && value[name] !== null;
  if (has('chosen') || has('rejected')) return judged(value);
  const name = (['text', 'completion', 'response', 'messages'] as const).find(has);
  if (name === 'messages') return judgedConversation(value, name);
  if (name === 'response') return judged({ ...value, completion: value.response }, name);
  return name && judged(value, name);
}

function judgedConversation(value: Value, name: ScoredColumn): ScoredTexts | undefined {
  const messages = value[name];
  if (!Array.isArray(messages)) return judged(value, name);
  const last = lastAnswer(messages);
  return last < 0 ? undefined : judged({ ...value, messages: messages.slice(0, last + 1) }, name);
}

/** Place of the last assistant's turn; −1 where there is none. */
export function lastAnswer(messages: readonly unknown[]): number {
  return messages.findLastIndex((message) => (message as { role?: unknown } | null)?.role === 'assistant');
}

const nowhere = { file: '', line: 0 };
const prefix = `${nowhere.file}:${nowhere.line}: `;

function judged(value: Value, name?: ScoredColumn): ScoredTexts {
  try {
    const row = judgedRowOf({ ...nowhere, value });
    // A text is read to its last token, and no end token is added.
    if ('text' in row) return { texts: { text: { prompt: '', completion: row.text, finished: false } } };
    if ('completion' in row) return { texts: { [name ?? 'completion']: row } };
    const { prompt, chosen, rejected, chosenFinished, rejectedFinished } = row;
    return {
      texts: {
        chosen: { prompt, completion: chosen, finished: chosenFinished },
        rejected: { prompt, completion: rejected, finished: rejectedFinished },
      },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { texts: {}, problem: sentence(error.message) };
  }
}

/** The reader's messages begin with file and line, where the editor shows them already. */
export function sentence(message: string): string {
  const text = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
