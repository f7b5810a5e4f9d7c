import type { ChatMessage } from '../protocol/types.ts';
import { excerpt, type JsonLine, lineError } from './jsonLines.ts';

export interface RowLimits {
  /** Most characters (UTF-16 units) of one text; absent: `mostCharacters`. Models have a limit in tokens of their own. */
  readonly characters?: number;
}

const mostCharacters = 200_000;

/** Whether this is a text as `Columns.text` accepts it: said quickly, without what is wrong with it. */
export function isPlainText(text: unknown): text is string {
  return typeof text === 'string' && text.length <= mostCharacters && text.trim() !== '' && text.isWellFormed();
}

/** The columns of one line, each checked where it is read. */
export class Columns {
  readonly line: JsonLine;
  readonly #most: number;

  constructor(line: JsonLine, limits: RowLimits = {}) {
    this.line = line;
    this.#most = limits.characters ?? mostCharacters;
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
    return this.fit(name, text);
  }

  #message(place: string, message: unknown): ChatMessage {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw this.error(`${place} should be {role, content}, not ${kindOf(message)}.`);
    }
    const { role, content } = message as { role?: unknown; content?: unknown };
    if (typeof role !== 'string' || role === '') throw this.error(`${place}.role should be text, not ${kindOf(role)}.`);
    if (typeof content !== 'string') throw this.error(`${place}.content should be text, not ${kindOf(content)}.`);
    return { role: this.fit(`${place}.role`, role), content: this.fit(`${place}.content`, content) };
  }

  fit(name: string, text: string): string {
    if (text.length > this.#most) {
      const [has, most] = [text.length, this.#most].map((count) => count.toLocaleString('en-GB'));
      throw this.error(`${name} has ${has} characters; the limit is ${most}. Shorten it or leave the row out.`);
    }
    if (!text.isWellFormed())
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

/** What a value is, for a message: "a list", "number 3". */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `${typeof value} ${excerpt(String(value))}`;
}
