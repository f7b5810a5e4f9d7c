import type { ChatMessage, CompletionRow, PreferenceRow, PromptRow, TextRow } from '../protocol/types.ts';
import { Columns, isPlainText, type RowLimits } from './columns.ts';
import { excerpt, type JsonLine, lineError, readJsonLines } from './jsonLines.ts';

/** Rows to answer: {prompt} (text, or messages as TRL writes them) or {messages}. Throws UserErrors with line numbers. */
export function readPromptRows(file: string, limits: RowLimits = {}): PromptRow[] {
  return readJsonLines(file).map((line) => promptRow(new Columns(line, limits)));
}

/** Two answers a row: TRL's preference columns. Throws UserErrors with line numbers. */
export function readPreferenceRows(file: string, limits: RowLimits = {}): PreferenceRow[] {
  return readJsonLines(file).map((line) => preferenceRow(new Columns(line, limits)));
}

/** Rows to evaluate or score; the file holds preference rows only, or none. Throws UserErrors with line numbers. */
export function readJudgedRows(file: string, limits: RowLimits = {}): (TextRow | CompletionRow | PreferenceRow)[] {
  const lines = readJsonLines(file);
  const paired = isPreference(lines[0]);
  return lines.map((line) => {
    if (isPreference(line) !== paired) {
      const [here, first] = paired ? ['has one answer', 'two'] : ['has two answers', 'one'];
      throw lineError(line, `this row ${here}, line ${lines[0].line} has ${first}. Put them into two files.`);
    }
    return judgedRow(new Columns(line, limits));
  });
}

/** Rows to fine-tune on: {prompt, completion}, {messages}, or the chosen answers of preference rows. */
export function readCompletionRows(file: string, limits: RowLimits = {}): CompletionRow[] {
  return readJsonLines(file).map((line) => {
    const columns = new Columns(line, limits);
    if (!isPreference(line)) return completionRow(columns);
    const { prompt, chosen, chosenFinished } = preferenceRow(columns);
    return { prompt, completion: chosen, finished: chosenFinished };
  });
}

/** One row to answer. Throws a UserError with file and line. */
export function promptOf(line: JsonLine): PromptRow {
  const { prompt } = line.value;
  return isPlainText(prompt) ? { prompt } : promptRow(new Columns(line));
}

/** The answers of one row: one, or the two of a preference. Throws a UserError with file and line. */
export function completionsOf(line: JsonLine): CompletionRow[] {
  const columns = new Columns(line);
  if (!isPreference(line)) return [completionRow(columns)];
  const { prompt, chosen, rejected, chosenFinished, rejectedFinished } = preferenceRow(columns);
  return [
    { prompt, completion: chosen, finished: chosenFinished },
    { prompt, completion: rejected, finished: rejectedFinished },
  ];
}

/** One row with an answer that is right and one that is not. Throws a UserError with file and line. */
export const preferenceOf = (line: JsonLine): PreferenceRow => preferenceRow(new Columns(line));

/** One row to evaluate or score. Throws a UserError with the line's number. */
export function judgedRowOf(line: JsonLine, limits: RowLimits = {}): TextRow | CompletionRow | PreferenceRow {
  return judgedRow(new Columns(line, limits));
}

// ------------------------------------------------------------------------------------------------ shapes of rows

export function isPreference({ value }: JsonLine): boolean {
  return 'chosen' in value || 'rejected' in value;
}

function promptRow(columns: Columns): PromptRow {
  const name = columns.oneOf(['prompt', 'messages']);
  const value = columns.value(name);
  if (typeof value === 'string' && name === 'prompt') return { prompt: columns.filled(name, value) };
  const messages = columns.messages(name);
  if (messages.at(-1)?.role === 'assistant') {
    throw columns.error(`${name} ends with an assistant's turn: there is nothing to answer. Leave that turn out.`);
  }
  return { messages };
}

function judgedRow(columns: Columns): TextRow | CompletionRow | PreferenceRow {
  if (isPreference(columns.line)) return preferenceRow(columns);
  const name = columns.oneOf(['text', 'completion', 'messages'], '{text}, {messages} or {prompt, completion}');
  return name === 'text' ? { text: columns.text('text') } : completionRow(columns);
}

function completionRow(columns: Columns): CompletionRow {
  const finished = columns.flag('finished');
  const name = columns.oneOf(['completion', 'messages'], '{prompt, completion} or {messages}');
  if (name === 'completion') return { prompt: columns.prompt(), completion: columns.answer('completion'), finished };
  const messages = columns.messages('messages');
  const last = messages.at(-1) as ChatMessage;
  if (last.role !== 'assistant') {
    throw columns.error(
      `messages end with the role ${excerpt(last.role)}; the last turn must be the assistant's answer.`,
    );
  }
  if (messages.length < 2) throw columns.error('messages hold an answer but nothing before it.');
  return { prompt: messages.slice(0, -1), completion: columns.filled('the last turn', last.content), finished };
}

function preferenceRow(columns: Columns): PreferenceRow {
  columns.need(['chosen', 'rejected']);
  const { prompt, chosen, rejected } = splitPreference(columns);
  if (chosen === rejected) throw sameAnswers(columns, chosen);
  return {
    prompt,
    chosen,
    rejected,
    chosenFinished: columns.flag('chosen_finished'),
    rejectedFinished: columns.flag('rejected_finished'),
    ...(columns.has('margin') ? { margin: columns.notNegative('margin') } : {}),
  };
}

function sameAnswers(columns: Columns, text: string): Error {
  return columns.error(`chosen and rejected are the same text, ${excerpt(text)}: nothing can be learnt from this row.`);
}

/** Explicit prompts as they are; else the beginning that both answers share, as TRL's extract_prompt finds it. */
function splitPreference(columns: Columns): Pick<PreferenceRow, 'prompt' | 'chosen' | 'rejected'> {
  const conversations = Array.isArray(columns.value('chosen')) && Array.isArray(columns.value('rejected'));
  const explicit = columns.has('prompt');
  // Some data sets repeat the prompt as a string beside whole conversations.
  const repeated = typeof columns.value('prompt') === 'string' && conversations;
  if (explicit && !repeated) {
    return { prompt: columns.prompt(), chosen: columns.answer('chosen'), rejected: columns.answer('rejected') };
  }
  if (conversations) return splitConversations(columns);
  return splitTexts(columns);
}

function splitConversations(columns: Columns): Pick<PreferenceRow, 'prompt' | 'chosen' | 'rejected'> {
  const chosen = columns.messages('chosen');
  const rejected = columns.messages('rejected');
  const same = (index: number) =>
    chosen[index].role === rejected[index].role && chosen[index].content === rejected[index].content;
  let shared = 0;
  while (shared < Math.min(chosen.length, rejected.length) && same(shared)) shared++;
  if (shared === chosen.length && shared === rejected.length) {
    throw columns.error('chosen and rejected are the same conversation: nothing can be learnt from this row.');
  }
  // Beside answers that are turns of a conversation, a prompt that is text is what a user said.
  const asked = columns.has('prompt') ? [{ role: 'user', content: columns.text('prompt') }] : undefined;
  const prompt = shared > 0 ? chosen.slice(0, shared) : asked;
  if (prompt === undefined)
    throw columns.error('chosen and rejected share no beginning, and there is no prompt column.');
  return {
    prompt,
    chosen: columns.lastTurn('chosen', chosen.slice(shared)),
    rejected: columns.lastTurn('rejected', rejected.slice(shared)),
  };
}

function splitTexts(columns: Columns): Pick<PreferenceRow, 'prompt' | 'chosen' | 'rejected'> {
  const chosen = columns.text('chosen');
  const rejected = columns.text('rejected');
  if (chosen === rejected) throw sameAnswers(columns, chosen);
  let shared = 0;
  while (shared < Math.min(chosen.length, rejected.length) && chosen[shared] === rejected[shared]) shared++;
  if (shared < chosen.length && shared < rejected.length) {
    if (chosen[shared - 1] === ' ') shared--;
    // Both halves of a surrogate pair stay together.
    else if (shared > 0 && /[\uD800-\uDBFF]/.test(chosen[shared - 1])) shared--;
  }
  if (chosen.slice(0, shared).trim() === '') {
    throw columns.error(
      'there is no prompt column, and chosen and rejected share no beginning that could be the prompt.',
    );
  }
  return {
    prompt: chosen.slice(0, shared),
    chosen: columns.filled('chosen (after the prompt that both share)', chosen.slice(shared)),
    rejected: columns.filled('rejected (after the prompt that both share)', rejected.slice(shared)),
  };
}
