import type { Response, ResponsePart } from '../protocol/types.ts';
import { backslash, jsonTextAt } from './scan/writtenRow.ts';

/** Where JSON's text stands, without its quotation marks. */
export interface WrittenText {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A response of one text, kept as its bytes: a string is made when somebody asks for it. */
export class WrittenResponse implements Response {
  readonly id: string;
  readonly finished: boolean;
  readonly model?: string;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;

  constructor(id: string, finished: boolean, model: string | undefined, text: WrittenText) {
    this.id = id;
    this.finished = finished;
    if (model !== undefined) this.model = model;
    this.#bytes = text.bytes;
    this.#start = text.start;
    this.#end = text.end;
  }

  get parts(): readonly ResponsePart[] {
    return [{ type: 'text', text: this.text }];
  }

  /** Getters of a class are not written by themselves. */
  toJSON(): Response {
    const { id, parts, finished, model } = this;
    return model === undefined ? { id, parts, finished } : { id, parts, finished, model };
  }

  get text(): string {
    return jsonTextAt(this.#bytes, this.#start, this.#end);
  }

  /** Whether the texts are the same but for white space around them. */
  looksLike(other: WrittenResponse): boolean {
    const length = Math.min(this.#end - this.#start, other.#end - other.#start);
    let same = 0;
    while (same < length && this.#bytes[this.#start + same] === other.#bytes[other.#start + same]) same++;
    // Both were alike so far: a visible character that only one has here is no white space at its end.
    const byte = this.#bytes[this.#start + same];
    const isEscaped = this.#bytes[this.#start + same - 1] === backslash;
    if (same < length && !isEscaped && byte > 0x20 && byte < 0x7f && byte !== backslash) return false;
    return this.text.trim() === other.text.trim();
  }
}
