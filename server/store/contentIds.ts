import * as crypto from 'node:crypto';
import type { ChatMessage, ResponsePart } from '../protocol/types.ts';

/**
 * Ids of what is compared. They stand in every line of feedback/*.jsonl and can never be computed in another way
 * again: a changed rule would take every label from its responses. A test pins them.
 */

/** Of a prompt: a hash of its text, or of its turns' roles and texts. 32 hexadecimal digits. */
export function promptIdOf(content: string | readonly ChatMessage[]): string {
  const turns = typeof content === 'string' ? content : content.map(({ role, content: text }) => [role, text]);
  return idOf(`["prompt",${JSON.stringify(turns)}]`);
}

/** Of a response: a hash of its prompt, its parts in order, and the bytes of its attachments, wherever they lie. */
export function responseIdOf(promptId: string, parts: readonly ResponsePart[]): string {
  let texts = '';
  for (const part of parts) {
    // The JSON of a string alone is made several times as fast as that of a list with it.
    const json = JSON.stringify(part.type === 'text' ? part.text : part.sha256);
    texts += `${texts === '' ? '' : ','}["${part.type}",${json}]`;
  }
  return idOf(`["response","${promptId}",[${texts}]]`);
}

let scratch = Buffer.alloc(4096);

/** The same, of one text that `bytes` has from `start` to `end` as JSON.stringify writes it between quotation marks. */
export function writtenResponseIdOf(promptId: string, bytes: Buffer, start: number, end: number): string {
  const head = `["response","${promptId}",[["text","`;
  const length = head.length + end - start + 4;
  if (scratch.length < length) scratch = Buffer.alloc(2 * length);
  scratch.write(head, 0, 'latin1');
  bytes.copy(scratch, head.length, start, end);
  scratch.write('"]]]', length - 4, 'latin1');
  return idOf(scratch.subarray(0, length));
}

/** Ids of prompts that are texts, each computed once; of chats it is computed every time. */
export class PromptIds {
  readonly #ids = new Map<string, string>();

  of(content: string | readonly ChatMessage[]): string {
    if (typeof content !== 'string') return promptIdOf(content);
    let id = this.#ids.get(content);
    if (id === undefined) {
      id = promptIdOf(content);
      this.#ids.set(content, id);
    }
    return id;
  }

  clear(): void {
    this.#ids.clear();
  }
}

export const isContentId = (value: unknown): value is string =>
  typeof value === 'string' && value.length === 32 && /^[0-9a-f]{32}$/.test(value);

/** SHA-256 of a list's JSON, the first 128 bits. */
function idOf(json: string | Buffer): string {
  return digest(json).slice(0, 32);
}

/** Node 20.12 and newer have a call that makes no object. */
const digest: (json: string | Buffer) => string =
  typeof crypto.hash === 'function'
    ? (json) => crypto.hash('sha256', json)
    : (json) => crypto.createHash('sha256').update(json).digest('hex');
