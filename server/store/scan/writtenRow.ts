import { isUtf8 } from 'node:buffer';

/** Where the parts of a plain row stand in the bytes that hold it: JSON's text between the quotation marks. */
export interface WrittenRow {
  promptStart: number;
  promptEnd: number;
  textStart: number;
  textEnd: number;
  finished: boolean;
  /** 0 and 0: it names no model. */
  modelStart: number;
  modelEnd: number;
}

/**
 * Reads a line of responses/*.jsonl, the bytes from `start` to `end`, without parsing it: where it is the answer to a
 * prompt, both texts, exactly as the store writes one, and both begin with a visible ASCII character. Nearly every line
 * is, and this makes no objects, which shortens how long a person waits for a project to open. Undefined: the line has to
 * be parsed. What it accepts the parser accepts too, and reads alike. What it gives is overwritten by the next one.
 */
export function readWrittenRow(bytes: Buffer, start = 0, end = bytes.length): WrittenRow | undefined {
  seen = 0;
  row.promptStart = start + beforePrompt.length;
  if (!is(beforePrompt, bytes, start)) return undefined;
  row.promptEnd = endOfText(bytes, row.promptStart, end);
  if (row.promptEnd === -1 || !is(beforeCompletion, bytes, row.promptEnd)) return undefined;
  row.textStart = row.promptEnd + beforeCompletion.length;
  row.textEnd = endOfText(bytes, row.textStart, end);
  if (row.textEnd === -1) return undefined;
  let at = row.textEnd + 1;
  row.finished = !is(notFinished, bytes, at);
  if (!row.finished) at += notFinished.length;
  row.modelStart = 0;
  row.modelEnd = 0;
  if (is(beforeModel, bytes, at)) {
    row.modelStart = at + beforeModel.length;
    row.modelEnd = endOfText(bytes, row.modelStart, end);
    if (row.modelEnd === -1) return undefined;
    at = row.modelEnd + 1;
  }
  if (at !== end - 1 || bytes[at] !== closing) return undefined;
  return seen < 0x80 || isUtf8(bytes.subarray(start, end)) ? row : undefined;
}

const row: WrittenRow = {
  promptStart: 0,
  promptEnd: 0,
  textStart: 0,
  textEnd: 0,
  finished: true,
  modelStart: 0,
  modelEnd: 0,
};

const beforePrompt = Buffer.from('{"prompt":"');
const beforeCompletion = Buffer.from('","completion":"');
const notFinished = Buffer.from(',"finished":false');
const beforeModel = Buffer.from(',"model":"');
const [quote, closing] = [0x22, 0x7d];
export const backslash = 0x5c;
/** Most bytes of one text: so many characters are allowed, and no character has less than a byte. */
const mostBytes = 200_000;

function is(expected: Buffer, bytes: Buffer, at: number): boolean {
  for (let k = 0; k < expected.length; k++) if (bytes[at + k] !== expected[k]) return false;
  return true;
}

/** All bytes of the line's texts, or-ed: of ASCII less than 0x80. */
let seen = 0;

/**
 * Where the text's last quotation mark stands. −1: it begins with no visible ASCII character, or holds what
 * JSON.stringify writes in another way, so that a hash of the bytes would not be the hash of the text.
 */
function endOfText(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start];
  if (!(first > 0x20 && first < 0x7f) || first === quote || first === backslash) return -1;
  let bits = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      seen |= bits;
      return at - start > mostBytes ? -1 : at;
    }
    bits |= byte;
    if (byte < 0x20) return -1;
    if (byte === backslash) {
      at++;
      if (!shortEscapes.includes(bytes[at])) return -1;
    }
  }
  return -1;
}

/** What JSON.stringify writes behind a backslash, but for u: " \ b f n r t. */
const shortEscapes = Uint8Array.from(Buffer.from('"\\bfnrt'));

/** The text that stands between the quotation marks of a JSON string. */
export function jsonTextAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text;
}
