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
 * Reads a line of feedback/*.jsonl, the bytes from `start` to `end`, without parsing it: where it is a decision exactly
 * as the store writes one, without a comment or ratings of aspects, in ASCII. Nearly every line is, and this makes no
 * objects, which shortens how long a person waits for a project to open. Undefined: the line has to be parsed. What it
 * accepts the parser accepts too, and reads alike.
 */
export function readWrittenLine(bytes: Buffer, start = 0, end = bytes.length): WrittenDecision | undefined {
  wrongDigits = 0;
  const pairAt = readHead(bytes, start, end);
  const choiceAt = pairAt === -1 ? -1 : readPair(bytes, pairAt);
  // Nothing is looked at behind the place where this ends: all of it was the line's own.
  if (choiceAt === -1 || readRest(bytes, choiceAt, end) !== end || wrongDigits > 15) return undefined;
  return read;
}

const read = {
  id: new Uint32Array(4),
  at: 0,
  annotator: '',
  first: new Uint32Array(4),
  second: new Uint32Array(4),
  swapped: false,
  repeat: false,
  choice: 0,
  strength: 0,
  scale: 0,
  ms: 0,
};

// ------------------------------------------------------------------------ parts of a line: where each ends, or −1

const [opening, beforeTime, beforeName] = ['{"v":1,"id":"', '","at":"', '","annotator":"'].map(ascii);
const [idLength, timeLength, hashLength] = [36, 24, 32];

/** Id, time and annotator. */
function readHead(bytes: Buffer, start: number, end: number): number {
  const idAt = start + opening.length;
  const timeAt = idAt + idLength + beforeTime.length;
  const nameAt = timeAt + timeLength + beforeName.length;
  if (!is(opening, bytes, start) || !is(beforeTime, bytes, idAt + idLength)) return -1;
  if (!is(beforeName, bytes, timeAt + timeLength)) return -1;
  if (!readUuid(bytes, idAt) || !readTime(bytes, timeAt)) return -1;
  const nameEnd = endOfText(bytes, nameAt, end);
  if (nameEnd !== -1) readName(bytes, nameAt, nameEnd);
  return nameEnd;
}

const [beforePrompt, beforeFirst] = ['","event":"decide","prompt":"', '","responses":["'].map(ascii);
const [between, beforeShown, afterShown] = ['","', '"],"shown":["', '"],'].map(ascii);

/** Prompt, responses, and how they were shown. */
function readPair(bytes: Buffer, start: number): number {
  const promptAt = start + beforePrompt.length;
  const firstAt = promptAt + hashLength + beforeFirst.length;
  const secondAt = firstAt + hashLength + between.length;
  const shownAt = secondAt + hashLength + beforeShown.length;
  const otherAt = shownAt + hashLength + between.length;
  const end = otherAt + hashLength + afterShown.length;
  if (!is(beforePrompt, bytes, start) || !is(beforeFirst, bytes, promptAt + hashLength)) return -1;
  if (!is(between, bytes, firstAt + hashLength) || !is(beforeShown, bytes, secondAt + hashLength)) return -1;
  if (!is(between, bytes, shownAt + hashLength) || !is(afterShown, bytes, otherAt + hashLength)) return -1;
  readWords(bytes, promptAt, prompt);
  readWords(bytes, firstAt, read.first);
  readWords(bytes, secondAt, read.second);
  if (sameHash(bytes, firstAt, secondAt)) return -1;
  read.swapped = !sameHash(bytes, shownAt, firstAt);
  responseAt.first = firstAt;
  responseAt.second = secondAt;
  if (!read.swapped) return sameHash(bytes, otherAt, secondAt) ? end : -1;
  return sameHash(bytes, shownAt, secondAt) && sameHash(bytes, otherAt, firstAt) ? end : -1;
}

const prompt = new Uint32Array(4);
/** Where the line read last has its responses. */
const responseAt = { first: 0, second: 0 };

const [repeats, beforeChoice, afterChoice] = ['"repeat":true,', '"choice":"', '",'].map(ascii);
const [beforeStrength, comma, beforeScale] = ['"strength":', ',', '"scale":'].map(ascii);
const [beforeMs, beforeApp, ending] = [',"aspects":{},"comment":"","ms":', ',"app":"', '"}'].map(ascii);

/** What was chosen, and what follows it. */
function readRest(bytes: Buffer, start: number, end: number): number {
  let at = start;
  read.repeat = is(repeats, bytes, at);
  if (read.repeat) at += repeats.length;
  if (!is(beforeChoice, bytes, at)) return -1;
  at = readChoice(bytes, at + beforeChoice.length);
  if (at === -1 || !is(afterChoice, bytes, at)) return -1;
  at += afterChoice.length;
  read.strength = 0;
  if (is(beforeStrength, bytes, at)) {
    at += beforeStrength.length;
    read.strength = numberAt(bytes, at, 2);
    at += digitsOf(read.strength);
    if (read.strength < 1 || !is(comma, bytes, at)) return -1;
    at += comma.length;
  }
  if (!is(beforeScale, bytes, at)) return -1;
  at += beforeScale.length;
  read.scale = numberAt(bytes, at, 2);
  at += digitsOf(read.scale);
  if (read.scale < 1 || !is(beforeMs, bytes, at)) return -1;
  at += beforeMs.length;
  read.ms = numberAt(bytes, at, 9);
  at += digitsOf(read.ms);
  if (read.ms < 0 || !is(beforeApp, bytes, at)) return -1;
  at = endOfText(bytes, at + beforeApp.length, end);
  return at !== -1 && is(ending, bytes, at) ? at + ending.length : -1;
}

const ties = [
  { name: ascii('tie'), tie: choices.tie },
  { name: ascii('bothGood'), tie: choices.bothGood },
  { name: ascii('bothBad'), tie: choices.bothBad },
];

function readChoice(bytes: Buffer, at: number): number {
  const isFirst = sameHash(bytes, at, responseAt.first);
  if (isFirst || sameHash(bytes, at, responseAt.second)) {
    read.choice = isFirst ? choices.low : choices.high;
    return at + hashLength;
  }
  for (const { name, tie } of ties) {
    if (!is(name, bytes, at)) continue;
    read.choice = tie;
    return at + name.length;
  }
  return -1;
}

// ---------------------------------------------------------------------------------------------- names and times

/** One annotator's lines stand together: the name is made once. */
function readName(bytes: Buffer, start: number, end: number): void {
  const known = read.annotator;
  let same = known.length === end - start;
  for (let k = 0; same && k < known.length; k++) same = known.charCodeAt(k) === bytes[start + k];
  if (!same) read.annotator = bytes.toString('latin1', start, end);
}

/** The day of the line before, as its digits, and its beginning in milliseconds since 1970. */
const day = { digits: -1, begins: 0 };

/** As toISOString writes it: 2026-01-31T12:00:00.000Z, of this millennium. */
function readTime(bytes: Buffer, at: number): boolean {
  const year = digitsAt(bytes, at, 4);
  const month = digitsAt(bytes, at + 5, 2);
  const date = digitsAt(bytes, at + 8, 2);
  const hour = digitsAt(bytes, at + 11, 2);
  const minute = digitsAt(bytes, at + 14, 2);
  const second = digitsAt(bytes, at + 17, 2);
  const millisecond = digitsAt(bytes, at + 20, 3);
  if (bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d || bytes[at + 10] !== 0x54) return false;
  if (bytes[at + 13] !== 0x3a || bytes[at + 16] !== 0x3a) return false;
  if (bytes[at + 19] !== 0x2e || bytes[at + 23] !== 0x5a) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || millisecond < 0) return false;
  const digits = 10_000 * year + 100 * month + date;
  if (digits !== day.digits) {
    if (year < 2000 || year > 2999 || month < 1 || month > 12 || date < 1) return false;
    if (date > new Date(Date.UTC(year, month, 0)).getUTCDate()) return false;
    day.digits = digits;
    day.begins = Date.UTC(year, month - 1, date);
  }
  read.at = day.begins + 3_600_000 * hour + 60_000 * minute + 1000 * second + millisecond;
  return true;
}

// ------------------------------------------------------------------------------------------------ bytes

function ascii(characters: string): Uint8Array {
  return Uint8Array.from(Buffer.from(characters, 'latin1'));
}

function is(expected: Uint8Array, bytes: Buffer, at: number): boolean {
  for (let k = 0; k < expected.length; k++) if (bytes[at + k] !== expected[k]) return false;
  return true;
}

function sameHash(bytes: Buffer, a: number, b: number): boolean {
  for (let k = 0; k < hashLength; k++) if (bytes[a + k] !== bytes[b + k]) return false;
  return true;
}

/** Where the next quotation mark stands; −1: what is before it does not stand for itself, or there is nothing. */
function endOfText(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x22) return at === start ? -1 : at;
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return -1;
  }
  return -1;
}

/** A number as JSON writes it, without a 0 in front of others; −1: it is none, or has more digits than `most`. */
function numberAt(bytes: Buffer, start: number, most: number): number {
  let value = 0;
  let at = start;
  for (; bytes[at] >= 0x30 && bytes[at] <= 0x39 && at - start <= most; at++) value = 10 * value + bytes[at] - 0x30;
  const count = at - start;
  return count === 0 || count > most || (count > 1 && bytes[start] === 0x30) ? -1 : value;
}

/** How many digits a number has that is not negative. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

/** `count` decimal digits; where one is none, so far below 0 that no sum with others is a day. */
function digitsAt(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let k = 0; k < count; k++) {
    const digit = bytes[at + k] - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1_000_000_000;
    value = 10 * value + digit;
  }
  return value;
}

/** A hexadecimal digit's value, or 16. As JSON.stringify and randomUUID write them: small letters. */
const digitValue = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) digitValue[digit.toString(16).charCodeAt(0)] = digit;
/** All values of digits of a line together: more than 15 where one was none. */
let wrongDigits = 0;

/** Eight hexadecimal digits, or four. */
function hexAt(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  let all = 0;
  for (let k = 0; k < count; k++) {
    const digit = digitValue[bytes[at + k]];
    all |= digit;
    value = (value << 4) | digit;
  }
  wrongDigits |= all;
  return value;
}

function readWords(bytes: Buffer, at: number, into: Words): void {
  for (let k = 0; k < 4; k++) into[k] = hexAt(bytes, at + 8 * k, 8);
}

function readUuid(bytes: Buffer, at: number): boolean {
  if (bytes[at + 8] !== 0x2d || bytes[at + 13] !== 0x2d || bytes[at + 18] !== 0x2d || bytes[at + 23] !== 0x2d)
    return false;
  read.id[0] = hexAt(bytes, at, 8);
  read.id[1] = (hexAt(bytes, at + 9, 4) << 16) | hexAt(bytes, at + 14, 4);
  read.id[2] = (hexAt(bytes, at + 19, 4) << 16) | hexAt(bytes, at + 24, 4);
  read.id[3] = hexAt(bytes, at + 28, 8);
  return true;
}
