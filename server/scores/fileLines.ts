import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { parseObject } from '../store/jsonLines.ts';
import { sentence } from './scoredTexts.ts';

/** One object of a file, or why it can't be read. */
export interface FileRow {
  /** From 1; of a JSON file the place in its list. */
  readonly line: number;
  readonly value?: Readonly<Record<string, unknown>>;
  readonly problem?: string;
}

/** Bytes. */
const longestLine = 16 * 2 ** 20;
const largestJson = 8 * 2 ** 20;

/**
 * The objects of a JSONL file, or of the list in a JSON file, piece by piece: the server goes on answering. What can't be
 * read becomes a row with a sentence.
 *
 * @throws UserError where the file as a whole can't be read
 */
export async function* fileRows(file: string): AsyncGenerator<FileRow, void> {
  if (/\.json$/i.test(file)) {
    yield* jsonRows(file);
    return;
  }
  let line = 0;
  for await (const bytes of linesOf(file)) {
    line++;
    if (bytes === undefined) yield { line, problem: `This line has more than ${longestLine / 2 ** 20} MiB.` };
    else yield* parsedLine(line === 1 ? withoutMark(bytes, file) : bytes, line);
  }
}

/** How many lines the file has: what a progress bar needs. */
export async function countLines(file: string): Promise<number> {
  let lines = 0;
  for await (const piece of createReadStream(file)) {
    for (let at = piece.indexOf(0x0a); at >= 0; at = piece.indexOf(0x0a, at + 1)) lines++;
  }
  return lines;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function* parsedLine(bytes: Buffer, line: number): Generator<FileRow> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    yield { line, problem: 'This line is not UTF-8 text.' };
    return;
  }
  if (text.trim() !== '') yield parsed(text, line);
}

function parsed(text: string, line: number): FileRow {
  try {
    return { line, value: parseObject(text, '', 0) };
  } catch (error) {
    return { line, problem: sentence((error as Error).message) };
  }
}

function withoutMark(bytes: Buffer, file: string): Buffer {
  const [first, second, third] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new UserError(`${file} is UTF-16 text. Save it as UTF-8.`);
  }
  return first === 0xef && second === 0xbb && third === 0xbf ? bytes.subarray(3) : bytes;
}

/** Undefined: a line that is too long to be held. */
async function* linesOf(file: string): AsyncGenerator<Buffer | undefined, void> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = () => {
    const whole = length > longestLine ? undefined : Buffer.concat(parts);
    parts = [];
    length = 0;
    return whole;
  };
  const add = (part: Buffer) => {
    length += part.length;
    if (length <= longestLine) parts.push(part);
  };
  try {
    for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let at = piece.indexOf(0x0a); at >= 0; at = piece.indexOf(0x0a, start)) {
        add(piece.subarray(start, at));
        yield take();
        start = at + 1;
      }
      add(piece.subarray(start));
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (length > 0) yield take();
}

async function* jsonRows(file: string): AsyncGenerator<FileRow, void> {
  let value: unknown;
  try {
    const { size } = await stat(file);
    if (size > largestJson) {
      const megabytes = (size / 2 ** 20).toFixed(1);
      throw new UserError(`${file} has ${megabytes} MiB; a JSON file may have 8. Write it as JSONL, an object a line.`);
    }
    value = JSON.parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${file} is not valid JSON: ${error.message}.`);
    throw unreadable(file, error);
  }
  for (const [place, row] of (Array.isArray(value) ? value : [value]).entries()) {
    const isObject = typeof row === 'object' && row !== null && !Array.isArray(row);
    yield isObject ? { line: place + 1, value: row } : { line: place + 1, problem: 'A JSON object is expected.' };
  }
}

function unreadable(file: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : code;
  return new UserError(`Cannot read ${file}: ${why}.`, { cause: error });
}
