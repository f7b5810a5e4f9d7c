import { isAscii } from 'node:buffer';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';

/** One object of a JSONL file, and where it stands. */
export interface JsonLine {
  readonly file: string;
  /** Counts from 1, blank lines included, as editors do. */
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
}

const largestFile = 1024 ** 3;

/**
 * Reads a JSONL file: one JSON object a line, UTF-8 with or without a byte order mark, lines ended by LF or CRLF. Blank
 * lines are skipped.
 *
 * @throws UserError naming the file, and for a broken line its number, with an excerpt
 */
export function readJsonLines(file: string): JsonLine[] {
  const bytes = withoutMark(readBytes(file), file);
  const lines: JsonLine[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const text = decode(bytes.subarray(start, end), file, line);
    if (text.trim() !== '') lines.push({ file, line, value: parseObject(text, file, line) });
    start = end + 1;
  }
  if (lines.length === 0) throw new UserError(`${file} is empty: one JSON object a line is expected.`);
  return lines;
}

/**
 * One line of a JSONL file, read already. Undefined: it is blank.
 *
 * @throws UserError naming file and line
 */
export function parseJsonLine(file: string, line: number, bytes: Buffer): JsonLine | undefined {
  const text = decode(line === 1 ? withoutMark(bytes, file) : bytes, file, line);
  return text.trim() === '' ? undefined : { file, line, value: parseObject(text, file, line) };
}

/** A UserError about one line. */
export function lineError({ file, line }: Pick<JsonLine, 'file' | 'line'>, sentence: string): UserError {
  return new UserError(`${file}:${line}: ${sentence}`);
}

/** The beginning of a text for a message: one line, at most 60 characters, no control characters. */
export function excerpt(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60).replace(/\p{Surrogate}$/u, '')}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function readBytes(file: string): Buffer {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : String(code);
    throw new UserError(`Cannot read ${file}: ${why}.`, { cause: error });
  }
  try {
    const status = fstatSync(handle);
    if (status.isDirectory()) throw new UserError(`Cannot read ${file}: it is a folder, and a JSONL file is expected.`);
    if (status.size > largestFile) {
      throw new UserError(
        `${file} has ${(status.size / 1024 ** 3).toFixed(1)} GiB; at most 1 GiB can be read. Split it.`,
      );
    }
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

function withoutMark(bytes: Buffer, file: string): Buffer {
  const [first, second, third] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new UserError(`${file} is UTF-16 text. Save it as UTF-8.`);
  }
  return first === 0xef && second === 0xbb && third === 0xbf ? bytes.subarray(3) : bytes;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Buffer, file: string, line: number): string {
  // Most lines are; this is several times as fast.
  if (isAscii(bytes)) return bytes.toString('latin1');
  try {
    return decoder.decode(bytes);
  } catch (error) {
    const message = 'this line is not UTF-8 text. Save the file as UTF-8.';
    throw new UserError(`${file}:${line}: ${message}`, { cause: error });
  }
}

/** The JSON object that is one line. Throws a UserError that names file and line. */
export function parseObject(text: string, file: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}:${line}: this line is not valid JSON: ${excerpt(text.trim())}.`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const hint = line === 1 && Array.isArray(value) ? ' Write each object of the list on a line of its own.' : '';
    throw new UserError(`${file}:${line}: a JSON object is expected, not ${excerpt(text.trim())}.${hint}`);
  }
  return value as Readonly<Record<string, unknown>>;
}
