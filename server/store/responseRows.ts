import type { ChatMessage } from '../protocol/types.ts';
import { Columns, isPlainText, kindOf } from './columns.ts';
import { excerpt, type JsonLine } from './jsonLines.ts';
import { completionsOf, isPreference } from './rows.ts';

/** A part of a response as a row says it: a picture is only named. */
export type PartDraft =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly path: string };

export interface ResponseDraft {
  readonly prompt: string | readonly ChatMessage[];
  readonly parts: readonly PartDraft[];
  readonly finished: boolean;
  readonly model?: string;
}

const mostParts = 32;

/**
 * The responses of one row of responses/*.jsonl: one, or two where the row has TRL's preference columns. A completion
 * is text, one assistant's turn, or a list of parts, {type: "text", text} and {type: "image", image: PATH}; a picture
 * without a path is the next one of the column `images`.
 *
 * @throws UserError with file and line
 */
export function responsesOf(line: JsonLine): ResponseDraft[] {
  const plain = plainResponseOf(line.value);
  if (plain !== undefined) return [plain];
  const columns = new Columns(line);
  const model = modelOf(columns);
  if (!hasPictures(line.value)) {
    return completionsOf(line).map(({ prompt, completion, finished = true }) => ({
      prompt,
      parts: [{ type: 'text', text: completion }],
      finished,
      model,
    }));
  }
  const pictures = new Pictures(columns);
  if (isPreference(line)) {
    columns.need(['prompt', 'chosen', 'rejected']);
    const prompt = promptContent(columns, 'prompt', columns.value('prompt'));
    const drafts = ['chosen', 'rejected'].map((name) => ({
      prompt,
      parts: partsOf(columns, name, columns.value(name), pictures),
      finished: columns.flag(`${name}_finished`),
      model,
    }));
    pictures.checkAllUsed();
    return drafts;
  }
  const { prompt, name, value } = split(columns);
  const parts = value === undefined ? [] : partsOf(columns, name, value, pictures);
  const all = [...parts, ...pictures.rest()];
  if (all.length === 0) throw columns.error(`${name} is empty.`);
  return [{ prompt, parts: all, finished: columns.flag('finished'), model }];
}

/**
 * The response of a row that is {prompt, completion} in text, perhaps with {model, finished}. Nearly every row is, and
 * this makes few objects, which shortens how long a person waits for a project to open. Undefined: any other row, also
 * one that is wrong.
 */
function plainResponseOf(value: Readonly<Record<string, unknown>>): ResponseDraft | undefined {
  const { prompt, completion, model, finished = true } = value;
  if (!isPlainText(prompt) || !isPlainText(completion) || typeof finished !== 'boolean') return undefined;
  if (model !== undefined && !isPlainText(model)) return undefined;
  const others = value.chosen ?? value.rejected ?? value.messages ?? value.images ?? value.image;
  if (others !== undefined || 'chosen' in value || 'rejected' in value) return undefined;
  return { prompt, parts: [{ type: 'text', text: completion }], finished, model };
}

/** Whether a row is about more than text. Everything else is read as rows for training are. */
function hasPictures(value: Readonly<Record<string, unknown>>): boolean {
  const isList = (name: string) => Array.isArray(value[name]) && (value[name] as unknown[]).length > 0;
  if (isList('images') || (typeof value.image === 'string' && value.image !== '')) return true;
  return ['completion', 'chosen', 'rejected', 'prompt', 'messages'].some(
    (name) => isList(name) && (value[name] as unknown[]).some(isPartOrTurnOfParts),
  );
}

function isPartOrTurnOfParts(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null) return false;
  return ('type' in entry && !('role' in entry)) || ('content' in entry && Array.isArray(entry.content));
}

function modelOf(columns: Columns): string | undefined {
  const model = columns.value('model');
  if (model === undefined || model === null) return undefined;
  if (typeof model !== 'string') throw columns.error(`model should be text, not ${kindOf(model)}.`);
  return columns.filled('model', model);
}

/** Prompt and answer of a row that is no preference. */
function split(columns: Columns): { prompt: string | ChatMessage[]; name: string; value: unknown } {
  const name = columns.has('messages') ? 'messages' : 'prompt';
  if (name === 'prompt') {
    columns.need(['prompt']);
    const prompt = promptContent(columns, name, columns.value(name));
    return { prompt, name: 'completion', value: columns.value('completion') ?? undefined };
  }
  const turns = columns.value(name);
  if (!Array.isArray(turns) || turns.length < 2) {
    throw columns.error('messages should be a list of turns, the last of them the answer.');
  }
  return { prompt: promptContent(columns, name, turns.slice(0, -1)), name, value: turns.slice(-1) };
}

/** Turns may be lists of parts, as TRL writes them beside pictures; a prompt is text all the same. */
function promptContent(columns: Columns, name: string, value: unknown): string | ChatMessage[] {
  if (typeof value === 'string') return columns.filled(name, value);
  if (!Array.isArray(value) || value.length === 0) {
    throw columns.error(`${name} should be text or messages, not ${kindOf(value)}.`);
  }
  return value.map((turn, index) => {
    const place = `${name}[${index}]`;
    const { role, content } = (turn ?? {}) as { role?: unknown; content?: unknown };
    if (typeof role !== 'string' || role === '')
      throw columns.error(`${place}.role should be text, not ${kindOf(role)}.`);
    if (typeof content === 'string') return { role, content: columns.fit(`${place}.content`, content) };
    if (!Array.isArray(content)) throw columns.error(`${place}.content should be text, not ${kindOf(content)}.`);
    const texts = content.map((part) => {
      const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
      if (type === 'text' && typeof text === 'string') return text;
      throw columns.error(`${place} holds ${excerpt(String(type))}: this version knows pictures in responses only.`);
    });
    return { role, content: columns.fit(`${place}.content`, texts.join('\n')) };
  });
}

function partsOf(columns: Columns, name: string, value: unknown, pictures: Pictures): PartDraft[] {
  if (typeof value === 'string') return value.trim() === '' ? [] : [{ type: 'text', text: columns.fit(name, value) }];
  if (!Array.isArray(value)) throw columns.error(`${name} should be text or a list of parts, not ${kindOf(value)}.`);
  if (value.length > mostParts) throw columns.error(`${name} has ${value.length} parts; the limit is ${mostParts}.`);
  if (value.some((entry) => typeof entry === 'object' && entry !== null && 'role' in entry)) {
    const [turn] = value as { role?: unknown; content?: unknown }[];
    if (value.length !== 1 || turn.role !== 'assistant') {
      throw columns.error(`${name} should add one assistant's turn to the prompt.`);
    }
    return partsOf(columns, name, turn.content, pictures);
  }
  return value.flatMap((part, index) => partOf(columns, `${name}[${index}]`, part, pictures));
}

function partOf(columns: Columns, place: string, part: unknown, pictures: Pictures): PartDraft[] {
  if (typeof part !== 'object' || part === null) {
    throw columns.error(`${place} should be {"type": "text", …} or {"type": "image", …}, not ${kindOf(part)}.`);
  }
  const { type, text, image } = part as { type?: unknown; text?: unknown; image?: unknown };
  if (type === 'text') {
    if (typeof text !== 'string') throw columns.error(`${place}.text should be text, not ${kindOf(text)}.`);
    return text.trim() === '' ? [] : [{ type, text: columns.fit(`${place}.text`, text) }];
  }
  if (type === 'image') {
    if (image === undefined || image === null) return [pictures.next(place)];
    if (typeof image !== 'string') throw columns.error(`${place}.image should be a path, not ${kindOf(image)}.`);
    return [{ type, path: columns.filled(`${place}.image`, image) }];
  }
  throw columns.error(`${place} is of type ${excerpt(String(type))}: this version knows "text" and "image".`);
}

/** The columns `images` and `image`, used up one by one. */
class Pictures {
  readonly #columns: Columns;
  readonly #paths: readonly string[];
  #used = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
    const image = columns.value('image');
    const images = columns.value('images') ?? (typeof image === 'string' ? [image] : []);
    if (!Array.isArray(images)) throw columns.error(`images should be a list of paths, not ${kindOf(images)}.`);
    if (images.length > mostParts)
      throw columns.error(`images has ${images.length} entries; the limit is ${mostParts}.`);
    this.#paths = images.map((entry, index) => {
      const path = typeof entry === 'object' && entry !== null ? (entry as { path?: unknown }).path : entry;
      if (typeof path !== 'string') throw columns.error(`images[${index}] should be a path, not ${kindOf(path)}.`);
      return columns.filled(`images[${index}]`, path);
    });
  }

  next(place: string): PartDraft {
    if (this.#used >= this.#paths.length) {
      throw this.#columns.error(`${place} names no picture, and the column images has none left. Add "image": "PATH".`);
    }
    return { type: 'image', path: this.#paths[this.#used++] };
  }

  rest(): PartDraft[] {
    const rest = this.#paths.slice(this.#used).map((path): PartDraft => ({ type: 'image', path }));
    this.#used = this.#paths.length;
    return rest;
  }

  checkAllUsed(): void {
    if (this.#used === this.#paths.length) return;
    throw this.#columns.error(`images has ${this.#paths.length} entries, but the answers show ${this.#used} of them.`);
  }
}
