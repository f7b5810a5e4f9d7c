/**
 * Where the values of a JSON text stand, found without building them. Offsets are UTF-16 units, ends are exclusive. A text
 * that is broken, as every line is while somebody types, is read up to where it breaks.
 */

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Column {
  readonly key: Span;
  readonly value: Span;
}

export interface ScannedObject {
  /** By name; of two columns with one name the last, as JSON.parse takes it. */
  readonly columns: ReadonlyMap<string, Column>;
  readonly end: number;
  /** False: the text broke off, or broke JSON's rules, before the closing brace. */
  readonly whole: boolean;
}

/** The columns of the object that begins at `start` (white space before it aside); undefined where none begins there. */
export function scanObject(text: string, start = 0): ScannedObject | undefined {
  const columns = new Map<string, Column>();
  let at = skipSpace(text, start);
  if (text[at] !== '{') return undefined;
  at = skipSpace(text, at + 1);
  const broken = () => ({ columns, end: text.length, whole: false });
  while (text[at] === '"') {
    const key = { start: at, end: stringEnd(text, at) };
    if (key.end < 0) return broken();
    at = skipSpace(text, key.end);
    if (text[at] !== ':') return broken();
    const valueStart = skipSpace(text, at + 1);
    const valueEnd = endOfValue(text, valueStart);
    if (valueStart < text.length) {
      columns.set(nameOf(text.slice(key.start, key.end)), {
        key,
        value: { start: valueStart, end: valueEnd < 0 ? text.length : valueEnd },
      });
    }
    if (valueEnd < 0) return broken();
    at = skipSpace(text, valueEnd);
    if (text[at] !== ',') break;
    at = skipSpace(text, at + 1);
  }
  return text[at] === '}' ? { columns, end: at + 1, whole: true } : broken();
}

/** The elements of the array that begins at `start`, as far as they are whole; undefined where none begins there. */
export function scanArray(text: string, start = 0): Span[] | undefined {
  let at = skipSpace(text, start);
  if (text[at] !== '[') return undefined;
  const elements: Span[] = [];
  at = skipSpace(text, at + 1);
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at);
    if (end <= at) break;
    elements.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] !== ',') break;
    at = skipSpace(text, at + 1);
  }
  return elements;
}

export function skipSpace(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) break;
  }
  return at;
}

/** After the closing quote; −1 where there is none. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return -1;
}

/** After the value; −1 where it does not end. */
function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === undefined) return -1;
  if (first === '"') return stringEnd(text, start);
  if (first === '{' || first === '[') return nestedEnd(text, start);
  let at = start;
  while (at < text.length && !',]} \t\r\n'.includes(text[at])) at++;
  return at;
}

function nestedEnd(text: string, start: number): number {
  const mark = /["[\]{}]/g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(text); found; found = mark.exec(text)) {
    if (found[0] === '"') {
      const end = stringEnd(text, found.index);
      if (end < 0) return -1;
      mark.lastIndex = end;
    } else if (found[0] === '{' || found[0] === '[') {
      depth++;
    } else if (--depth === 0) {
      return found.index + 1;
    }
  }
  return -1;
}

function nameOf(key: string): string {
  if (!key.includes('\\')) return key.slice(1, -1);
  try {
    return JSON.parse(key) as string;
  } catch {
    return key.slice(1, -1);
  }
}
