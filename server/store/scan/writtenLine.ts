import { choices } from '../eventColumns.ts';
import type { Words } from '../hexIds.ts';

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
 * as the store writes one, without ratings of aspects, in ASCII. Nearly every line is, and this makes no
 * objects, which shortens how long a person waits for a project to open. Undefined: the line has to be parsed. What it
 * accepts the parser accepts too, and reads alike.
 */
export function readWrittenLine(bytes: Buffer, start = 0, end = bytes.length): WrittenDecision | undefined {
  look(bytes);
  wrongDigits = 0;
  const pairAt = readHead(bytes, start, end);
  const choiceAt = pairAt === -1 ? -1 : readPair(bytes, pairAt);
  // Nothing is looked at behind the place where this ends: all of it was the line's own.
  if (choiceAt === -1 || readRest(bytes, choiceAt, end) !== end || wrongDigits !== 0) return undefined;
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

const [opening, beforeTime, beforeName] = ['{"v":1,"id":"', '","at":"', '","annotator":"'].map(piece);
const [idLength, timeLength, hashLength] = [36, 24, 32];

/** Id, time and annotator. */
function readHead(bytes: Buffer, start: number, end: number): number {
  const idAt = start + opening.length;
  const timeAt = idAt + idLength + beforeTime.length;
  const nameAt = timeAt + timeLength + beforeName.length;
  if (!is(opening, start) || !is(beforeTime, idAt + idLength)) return -1;
  if (!is(beforeName, timeAt + timeLength)) return -1;
  if (!readUuid(idAt) || !readTime(bytes, timeAt)) return -1;
  const nameEnd = endOfText(bytes, nameAt, end);
  if (nameEnd !== -1) readName(bytes, nameAt, nameEnd);
  return nameEnd;
}

const [beforePrompt, beforeFirst] = ['","event":"decide","prompt":"', '","responses":["'].map(piece);
const beforeShown = piece('"],"shown":["');
const [between, afterShown] = ['","', '"],'].map(ascii);

/** Prompt, responses, and how they were shown. */
function readPair(bytes: Buffer, start: number): number {
  const promptAt = start + beforePrompt.length;
  const firstAt = promptAt + hashLength + beforeFirst.length;
  const secondAt = firstAt + hashLength + between.length;
  const shownAt = secondAt + hashLength + beforeShown.length;
  const otherAt = shownAt + hashLength + between.length;
  const end = otherAt + hashLength + afterShown.length;
  if (!is(beforePrompt, start) || !is(beforeFirst, promptAt + hashLength)) return -1;
  if (!isShort(between, bytes, firstAt + hashLength) || !is(beforeShown, secondAt + hashLength)) return -1;
  if (!isShort(between, bytes, shownAt + hashLength) || !isShort(afterShown, bytes, otherAt + hashLength)) return -1;
  readWords(promptAt, prompt);
  readWords(firstAt, read.first);
  readWords(secondAt, read.second);
  if (sameHash(firstAt, secondAt)) return -1;
  read.swapped = !sameHash(shownAt, firstAt);
  responseAt.first = firstAt;
  responseAt.second = secondAt;
  if (!read.swapped) return sameHash(otherAt, secondAt) ? end : -1;
  return sameHash(shownAt, secondAt) && sameHash(otherAt, firstAt) ? end : -1;
}

const prompt = new Uint32Array(4);
/** Where the line read last has its responses. */
const responseAt = { first: 0, second: 0 };

const [repeats, beforeChoice] = ['"repeat":true,', '"choice":"'].map(piece);
const [beforeStrength, beforeScale] = ['"strength":', '"scale":'].map(piece);
const [beforeComment, beforeMs, beforeApp] = [',"aspects":{},"comment":"', '","ms":', ',"app":"'].map(piece);
const [afterChoice, comma, ending] = ['",', ',', '"}'].map(ascii);

/** What was chosen, and what follows it. */
function readRest(bytes: Buffer, start: number, end: number): number {
  let at = start;
  read.repeat = is(repeats, at);
  if (read.repeat) at += repeats.length;
  if (!is(beforeChoice, at)) return -1;
  at = readChoice(bytes, at + beforeChoice.length);
  if (at === -1 || !isShort(afterChoice, bytes, at)) return -1;
  at += afterChoice.length;
  read.strength = 0;
  if (is(beforeStrength, at)) {
    at += beforeStrength.length;
    read.strength = numberAt(bytes, at, 2);
    at += digitsOf(read.strength);
    if (read.strength < 1 || !isShort(comma, bytes, at)) return -1;
    at += comma.length;
  }
  if (!is(beforeScale, at)) return -1;
  at += beforeScale.length;
  read.scale = numberAt(bytes, at, 2);
  at += digitsOf(read.scale);
  if (read.scale < 1 || !is(beforeComment, at)) return -1;
  at += beforeComment.length;
  if (bytes[at] !== 0x22) at = endOfText(bytes, at, end);
  if (at === -1 || !is(beforeMs, at)) return -1;
  at += beforeMs.length;
  read.ms = numberAt(bytes, at, 9);
  at += digitsOf(read.ms);
  if (read.ms < 0 || !is(beforeApp, at)) return -1;
  at = endOfText(bytes, at + beforeApp.length, end);
  return at !== -1 && isShort(ending, bytes, at) ? at + ending.length : -1;
}

const ties = [
  { name: ascii('tie'), tie: choices.tie },
  { name: ascii('bothGood'), tie: choices.bothGood },
  { name: ascii('bothBad'), tie: choices.bothBad },
];

function readChoice(bytes: Buffer, at: number): number {
  const isFirst = sameHash(at, responseAt.first);
  if (isFirst || sameHash(at, responseAt.second)) {
    read.choice = isFirst ? choices.low : choices.high;
    return at + hashLength;
  }
  for (const { name, tie } of ties) {
    if (!isShort(name, bytes, at)) continue;
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

function isShort(expected: Uint8Array, bytes: Buffer, at: number): boolean {
  for (let k = 0; k < expected.length; k++) if (bytes[at + k] !== expected[k]) return false;
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

// -------------------------------------------------------------------------------------------- four bytes at once

/** The bytes that are read. */
let view: DataView = new DataView(new ArrayBuffer(0));
let viewed: Buffer | undefined;

function look(bytes: Buffer): void {
  if (viewed === bytes) return;
  viewed = bytes;
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Four characters or more that are always the same. */
interface Piece {
  readonly length: number;
  /** Its bytes four by four, and at last its last four. */
  readonly words: Int32Array;
}

function piece(characters: string): Piece {
  const bytes = Buffer.from(characters, 'latin1');
  const words = Array.from({ length: Math.ceil(bytes.length / 4) - 1 }, (_, k) => bytes.readInt32BE(4 * k));
  return { length: bytes.length, words: Int32Array.of(...words, bytes.readInt32BE(bytes.length - 4)) };
}

function is({ length, words }: Piece, at: number): boolean {
  if (at + length > view.byteLength) return false;
  const last = words.length - 1;
  for (let k = 0; k < last; k++) if (view.getInt32(at + 4 * k) !== words[k]) return false;
  return view.getInt32(at + length - 4) === words[last];
}

function sameHash(a: number, b: number): boolean {
  if (Math.max(a, b) + hashLength > view.byteLength) return false;
  for (let k = 0; k < hashLength; k += 4) if (view.getInt32(a + k) !== view.getInt32(b + k)) return false;
  return true;
}

/** Not 0: a character of the line was no digit where one should be. */
let wrongDigits = 0;

/** The value of four hexadecimal digits, as JSON.stringify and randomUUID write them: with small letters. */
function hexAt(at: number): number {
  // Each of the four bytes by itself: '0' to '9' are 0x30 to 0x39, 'a' to 'f' 0x61 to 0x66.
  const characters = view.getInt32(at);
  const letters = (characters >>> 6) & 0x01010101;
  const digits = (characters & 0x0f0f0f0f) + 9 * letters;
  // High halves are 3, of letters 6; a digit is at most 15, and more than 9 just where it is a letter.
  wrongDigits |= (characters & 0xf0f0f0f0) ^ (0x30303030 + 0x30 * letters);
  wrongDigits |= (digits & 0x10101010) | ((((digits + 0x06060606) >>> 4) & 0x01010101) ^ letters);
  const pairs = (digits | (digits >>> 4)) & 0x00ff00ff;
  return (pairs | (pairs >>> 8)) & 0xffff;
}

function wordAt(at: number): number {
  return (hexAt(at) << 16) | hexAt(at + 4);
}

function readWords(at: number, into: Words): void {
  for (let k = 0; k < 4; k++) into[k] = wordAt(at + 8 * k);
}

function readUuid(at: number): boolean {
  const { id } = read;
  id[0] = wordAt(at);
  id[1] = (hexAt(at + 9) << 16) | hexAt(at + 14);
  id[2] = (hexAt(at + 19) << 16) | hexAt(at + 24);
  id[3] = wordAt(at + 28);
  return isHyphen(at + 8) && isHyphen(at + 13) && isHyphen(at + 18) && isHyphen(at + 23);
}

function isHyphen(at: number): boolean {
  return view.getUint8(at) === 0x2d;
}
