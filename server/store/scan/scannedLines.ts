import * as crypto from 'node:crypto';

/** Whole lines, in columns: where each begins and ends in the bytes, without its end. */
export interface ScannedLines {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** 1: the scan has read the line, and its columns say all of it. 0: it has to be parsed. */
  readonly plain: Uint8Array;
  /** SHA-256 of the bytes. */
  readonly digest: string;
}

const [newline, carriageReturn] = [0x0a, 0x0d];

/** Finds the lines of some bytes that end with a line's end. */
export function scanLines(bytes: Buffer): ScannedLines {
  const found: number[] = [];
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, end + 1)) found.push(end);
  const starts = new Uint32Array(found.length);
  const ends = Uint32Array.from(found);
  for (let k = 0; k < found.length; k++) {
    if (k > 0) starts[k] = found[k - 1] + 1;
    if (ends[k] > starts[k] && bytes[ends[k] - 1] === carriageReturn) ends[k]--;
  }
  return { starts, ends, plain: new Uint8Array(found.length), digest: digestOf(bytes) };
}

/** The place of a name among those that came before, of which a column of bytes can tell 256; −1: there are more. */
export function placeIn(places: Map<string, number>, name: string): number {
  let place = places.get(name);
  if (place === undefined) {
    if (places.size === 256) return -1;
    place = places.size;
    places.set(name, place);
  }
  return place;
}

export function digestOf(bytes: Buffer): string {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}
