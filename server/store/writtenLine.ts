import { choices } from './eventColumns.ts';
import type { Words } from './hexIds.ts';

/** A plain decision. What it holds is overwritten by the next one. */
export interface WrittenDecision {
  readonly id: Words;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly annotator: string;
  /** The two responses in the order of the line. */
  readonly first: Words;
  readonly second: Words;
  /** The second was shown as A. */
  readonly swapped: boolean;
  readonly repeat: boolean;
  /** `choices.low` stands for the first response, `choices.high` for the second. */
  readonly choice: number;
  readonly strength: number;
  readonly scale: number;
  readonly ms: number;
}

/**
 * Reads a line of feedback/*.jsonl without parsing it, where it is a decision exactly as the store writes one, without a
 * comment or ratings of aspects, in ASCII: nearly every line, four times as fast as through JSON, which decides how long
 * a person waits for a project to open. Undefined: the line has to be parsed. What it accepts the parser accepts too,
 * and reads alike.
 */
export function readWrittenLine(chunk: Buffer, start = 0, end = chunk.length): WrittenDecision | undefined {
  bytes = chunk;
  at = start;
  last = end;
  const { id, first, second } = read;
  if (!(text(opening) && uuid(id) && text(beforeTime) && time() && text(beforeAnnotator))) return undefined;
  const nameAt = at;
  if (!plain()) return undefined;
  const nameEnd = at;
  if (!(text(beforePrompt) && words(unused) && text(beforeFirst) && words(first))) return undefined;
  if (!(text(between) && words(second) && text(beforeShown)) || same(first, second)) return undefined;
  if (!(words(shownFirst) && text(between) && words(shownSecond) && text(afterShown))) return undefined;
  read.swapped = same(shownFirst, second);
  if (!same(shownSecond, read.swapped ? first : second) || !(read.swapped || same(shownFirst, first))) return undefined;
  read.repeat = text(repeats);
  if (!(text(beforeChoice) && choice(first, second))) return undefined;
  read.strength = 0;
  if (text(beforeStrength)) {
    if (!number(2) || value === 0) return undefined;
    read.strength = value;
    if (!text(comma)) return undefined;
  }
  if (!(text(beforeScale) && number(2)) || value === 0) return undefined;
  read.scale = value;
  if (!(text(beforeMs) && number(9))) return undefined;
  read.ms = value;
  if (!(text(beforeApp) && plain() && text(ending)) || at !== end) return undefined;
  read.annotator = bytes.toString('latin1', nameAt, nameEnd);
  return read;
}

// The line that is being read, and where: variables of this file, because objects made 100,000 times cost time.
let bytes: Buffer = Buffer.alloc(0);
let at = 0;
let last = 0;
/** The number read last. */
let value = 0;

const four = () => new Uint32Array(4);
const [unused, shownFirst, shownSecond] = [four(), four(), four()];
const read = {
  id: four(),
  at: 0,
  annotator: '',
  first: four(),
  second: four(),
  swapped: false,
  repeat: false,
  choice: 0,
  strength: 0,
  scale: 0,
  ms: 0,
};

const [opening, beforeTime, beforeAnnotator] = ['{"v":1,"id":"', '","at":"', '","annotator":"'].map(ascii);
const [beforePrompt, beforeFirst] = ['","event":"decide","prompt":"', '","responses":["'].map(ascii);
const [between, beforeShown, afterShown] = ['","', '"],"shown":["', '"],'].map(ascii);
const [repeats, beforeChoice] = ['"repeat":true,', '"choice":"'].map(ascii);
const [beforeStrength, comma, beforeScale] = ['"strength":', ',', '"scale":'].map(ascii);
const [beforeMs, beforeApp, ending] = [',"aspects":{},"comment":"","ms":', ',"app":"', '"}'].map(ascii);
const ties = [
  [ascii('tie",'), choices.tie],
  [ascii('bothGood",'), choices.bothGood],
  [ascii('bothBad",'), choices.bothBad],
] as const;
const endOfChoice = ascii('",');

function ascii(characters: string): Buffer {
  return Buffer.from(characters, 'latin1');
}

/** Steps over what has to stand here. */
function text(expected: Buffer): boolean {
  for (let k = 0; k < expected.length; k++) if (bytes[at + k] !== expected[k]) return false;
  at += expected.length;
  return true;
}

/** Steps to the next quotation mark: text that stands for itself, not empty. */
function plain(): boolean {
  const from = at;
  for (; at < last; at++) {
    const byte = bytes[at];
    if (byte === 0x22) return at > from;
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return false;
  }
  return false;
}

/** Digits as JSON writes a number: none in front of a 0. */
function number(most: number): boolean {
  const from = at;
  value = 0;
  for (; bytes[at] >= 0x30 && bytes[at] <= 0x39; at++) value = 10 * value + bytes[at] - 0x30;
  const count = at - from;
  return count > 0 && count <= most && (count === 1 || bytes[from] !== 0x30);
}

/** A hexadecimal digit's value, or 16. As JSON.stringify and randomUUID write them: small letters. */
const digitValue = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) digitValue[digit.toString(16).charCodeAt(0)] = digit;

/** `count` hexadecimal digits as a number, into `value`. */
function hex(count: number): boolean {
  let sum = 0;
  let wrong = 0;
  for (let k = 0; k < count; k++) {
    const digit = digitValue[bytes[at + k] ?? 0];
    wrong |= digit;
    sum = (sum << 4) | (digit & 15);
  }
  at += count;
  value = sum;
  return wrong < 16;
}

/** 32 hexadecimal digits. */
function words(into: Words): boolean {
  for (let k = 0; k < 4; k++) {
    if (!hex(8)) return false;
    into[k] = value;
  }
  return true;
}

function dash(): boolean {
  return bytes[at++] === 0x2d;
}

function uuid(into: Words): boolean {
  if (!hex(8)) return false;
  into[0] = value;
  if (!(dash() && hex(4))) return false;
  into[1] = value << 16;
  if (!(dash() && hex(4))) return false;
  into[1] |= value;
  if (!(dash() && hex(4))) return false;
  into[2] = value << 16;
  if (!(dash() && hex(4))) return false;
  into[2] |= value;
  if (!hex(8)) return false;
  into[3] = value;
  return true;
}

/** Two or three digits, into `value`, and what stands behind them. */
function part(digits: number, mark: number, least: number, most: number): boolean {
  value = 0;
  for (let k = 0; k < digits; k++) {
    const byte = bytes[at++];
    if (!(byte >= 0x30 && byte <= 0x39)) return false;
    value = 10 * value + byte - 0x30;
  }
  return bytes[at++] === mark && value >= least && value <= most;
}

/** As toISOString writes it: 2026-01-31T12:00:00.000Z. */
function time(): boolean {
  if (!part(4, 0x2d, 2000, 2999)) return false;
  const year = value;
  if (!part(2, 0x2d, 1, 12)) return false;
  const month = value;
  // Later days are not in every month.
  if (!part(2, 0x54, 1, 31) || (value > 28 && value > daysIn(year, month))) return false;
  const day = value;
  if (!part(2, 0x3a, 0, 23)) return false;
  const hour = value;
  if (!part(2, 0x3a, 0, 59)) return false;
  const minute = value;
  if (!part(2, 0x2e, 0, 59)) return false;
  const second = value;
  if (!part(3, 0x5a, 0, 999)) return false;
  read.at = Date.UTC(year, month - 1, day, hour, minute, second, value);
  return true;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function choice(first: Words, second: Words): boolean {
  for (const [name, tie] of ties) {
    if (!text(name)) continue;
    read.choice = tie;
    return true;
  }
  if (!(words(unused) && text(endOfChoice))) return false;
  if (same(unused, first)) read.choice = choices.low;
  else if (same(unused, second)) read.choice = choices.high;
  else return false;
  return true;
}

function same(a: Words, b: Words): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
