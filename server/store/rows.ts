import type { ChatMessage, CompletionRow, PreferenceRow, PromptRow, TextRow } from '../protocol/types.ts';
import { excerpt, type JsonLine, lineError, readJsonLines } from './jsonLines.ts';

export interface RowLimits {
  /** Most characters (UTF-16 units) of one text; default 200,000. Models have a limit in tokens of their own. */
  readonly characters?: number;
}

const defaultCharacters = 200_000;

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

/** One row to evaluate or score. Throws a UserError with the line's number. */
export function judgedRowOf(line: JsonLine, limits: RowLimits = {}): TextRow | CompletionRow | PreferenceRow {
  return judgedRow(new Columns(line, limits));
}

// ------------------------------------------------------------------------------------------------ shapes of rows

function isPreference({ value }: JsonLine): boolean {
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

// ------------------------------------------------------------------------------------------------ columns of a line

/** The columns of one line, each checked where it is read. */
class Columns {
  readonly line: JsonLine;
  readonly #most: number;

  constructor(line: JsonLine, limits: RowLimits) {
    this.line = line;
    this.#most = limits.characters ?? defaultCharacters;
  }

  error(sentence: string): Error {
    return lineError(this.line, sentence);
  }

  value(name: string): unknown {
    return Object.hasOwn(this.line.value, name) ? this.line.value[name] : undefined;
  }

  /** null counts as absent: data sets write it for what a row does not have. */
  has(name: string): boolean {
    return this.value(name) !== undefined && this.value(name) !== null;
  }

  need(names: readonly string[]): void {
    const missing = names.filter((name) => !this.has(name));
    if (missing.length === 0) return;
    throw this.error(
      `the column${missing.length > 1 ? 's' : ''} ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing; found: ${this.#found()}.`,
    );
  }

  /** The first of these columns that is there. */
  oneOf(names: readonly string[], wanted = names.map((name) => `{${name}}`).join(' or ')): string {
    const name = names.find((candidate) => this.has(candidate));
    if (name === undefined) throw this.error(`a row of this file should be ${wanted}; found: ${this.#found()}.`);
    return name;
  }

  text(name: string): string {
    this.need([name]);
    const value = this.value(name);
    if (typeof value !== 'string') throw this.error(`${name} should be text, not ${kindOf(value)}.`);
    return this.filled(name, value);
  }

  /** Text, or messages. */
  prompt(): string | readonly ChatMessage[] {
    this.need(['prompt']);
    const value = this.value('prompt');
    if (Array.isArray(value)) return this.messages('prompt');
    if (typeof value !== 'string') throw this.error(`prompt should be text or messages, not ${kindOf(value)}.`);
    return this.filled('prompt', value);
  }

  /** Text, or one assistant message. */
  answer(name: string): string {
    return Array.isArray(this.value(name)) ? this.lastTurn(name, this.messages(name)) : this.text(name);
  }

  lastTurn(name: string, messages: readonly ChatMessage[]): string {
    if (messages.length !== 1 || messages[0].role !== 'assistant') {
      const roles = messages.map(({ role }) => role).join(', ') || 'nothing';
      throw this.error(`${name} should add one assistant's turn to the prompt, not ${excerpt(roles)}.`);
    }
    return this.filled(name, messages[0].content);
  }

  messages(name: string): ChatMessage[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw this.error(`${name} should be a list of messages, not ${kindOf(value)}.`);
    if (value.length === 0) throw this.error(`${name} is an empty list.`);
    return value.map((message, index) => this.#message(`${name}[${index}]`, message));
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? true;
    if (typeof value !== 'boolean') throw this.error(`${name} should be true or false, not ${kindOf(value)}.`);
    return value;
  }

  notNegative(name: string): number {
    const value = this.value(name);
    if (typeof value === 'number' && value >= 0) return value;
    throw this.error(`${name} should be a number of at least 0, not ${JSON.stringify(value)}.`);
  }

  filled(name: string, text: string): string {
    if (text.trim() === '') throw this.error(`${name} is empty.`);
    return this.#fit(name, text);
  }

  #message(place: string, message: unknown): ChatMessage {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw this.error(`${place} should be {role, content}, not ${kindOf(message)}.`);
    }
    const { role, content } = message as { role?: unknown; content?: unknown };
    if (typeof role !== 'string' || role === '') throw this.error(`${place}.role should be text, not ${kindOf(role)}.`);
    if (typeof content !== 'string') throw this.error(`${place}.content should be text, not ${kindOf(content)}.`);
    return { role: this.#fit(`${place}.role`, role), content: this.#fit(`${place}.content`, content) };
  }

  #fit(name: string, text: string): string {
    if (text.length > this.#most) {
      const [has, most] = [text.length, this.#most].map((count) => count.toLocaleString('en-GB'));
      throw this.error(`${name} has ${has} characters; the limit is ${most}. Shorten it or leave the row out.`);
    }
    if (/\p{Surrogate}/u.test(text))
      throw this.error(`${name} holds half of a surrogate pair (\\ud800–\\udfff): ${excerpt(text)}.`);
    return text;
  }

  #found(): string {
    return (
      Object.keys(this.line.value)
        .slice(0, 20)
        .map((name) => excerpt(name).slice(1, -1))
        .join(', ') || 'no columns'
    );
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `${typeof value} ${excerpt(String(value))}`;
}
