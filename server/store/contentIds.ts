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

export const isContentId = (value: unknown): value is string =>
  typeof value === 'string' && value.length === 32 && /^[0-9a-f]{32}$/.test(value);

/** SHA-256 of a list's JSON, the first 128 bits. */
function idOf(json: string): string {
  return digest(json).slice(0, 32);
}

/** Node 20.12 and newer have a call that makes no object. */
const digest: (text: string) => string =
  typeof crypto.hash === 'function'
    ? (text) => crypto.hash('sha256', text)
    : (text) => crypto.createHash('sha256').update(text).digest('hex');
