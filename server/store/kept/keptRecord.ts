import { createHmac } from 'node:crypto';
import { Pacer } from '../pacer.ts';

/**
 * Values and typed arrays as bytes, with an HMAC. A record is: HMAC-SHA-256 of all that follows; how many bytes it has,
 * the two numbers of its place, and how long the values are, as numbers of 8 bytes; the values as JSON, in which
 * `{"$": [k, type, count]}` stands for the k-th array; the arrays. All begin at multiples of 8 bytes.
 */
export interface KeptRecord {
  /** What the record is about, known before its HMAC was looked at: where it begins in a file, and how long that is. */
  readonly start: number;
  readonly length: number;
  readonly bytes: Buffer;
}

/** Changes whenever a record of the same name says something else, or is written in another way. */
const version = 2;

const arrays = { Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array } as const;
type TypedArray = InstanceType<(typeof arrays)[keyof typeof arrays]>;
type Place = Pick<KeptRecord, 'start' | 'length'>;

const codeBytes = 32;
/** A few milliseconds of work. */
const bytesAtOnce = 2 ** 22;
const numberCount = 4;
const valuesAt = codeBytes + 8 * numberCount;

/**
 * A copy of all that is in it, which has no code yet.
 *
 * @param name what kind of record this is
 * @param content of what JSON can say, and of typed arrays
 */
export function encodeRecord(name: string, { start, length }: Place, content: object): Buffer {
  const columns: TypedArray[] = [];
  const json = JSON.stringify({ version, name, content }, (_, value) => {
    if (!ArrayBuffer.isView(value)) return value;
    const column = value as TypedArray;
    return { $: [columns.push(column) - 1, column.constructor.name, column.length] };
  });
  const values = filled(Buffer.from(json));
  const body = columns.flatMap(({ buffer, byteOffset, byteLength }) => [
    Buffer.from(buffer, byteOffset, byteLength),
    Buffer.alloc(missingBytes(byteLength)),
  ]);
  const bytes = [values, ...body].reduce((sum, part) => sum + part.length, valuesAt);
  const numbers = Buffer.alloc(8 * numberCount);
  for (const [k, number] of [bytes, start, length, values.length].entries()) numbers.writeDoubleLE(number, 8 * k);
  return Buffer.concat([Buffer.alloc(codeBytes), numbers, values, ...body], bytes);
}

/** The same record with its code. */
export async function sealed(record: Buffer, key: Buffer): Promise<Buffer> {
  (await codeOf(record, key)).copy(record);
  return record;
}

/** The records that stand one after the other in these bytes, which begin at a multiple of 8. */
export function recordsIn(bytes: Buffer, most: number): KeptRecord[] {
  const records: KeptRecord[] = [];
  for (let at = 0; at + valuesAt <= bytes.length && records.length < most; ) {
    const [size, start, length] = [0, 1, 2].map((k) => bytes.readDoubleLE(at + codeBytes + 8 * k));
    if (![size, start, length].every(Number.isSafeInteger) || size < valuesAt || start < 0 || length < 1) break;
    records.push({ start, length, bytes: bytes.subarray(at, at + size) });
    at += size;
  }
  return records;
}

/** What was encoded; its arrays are views of the record's bytes. Undefined: it is damaged, foreign or of another kind. */
export async function decodeRecord(name: string, { bytes }: KeptRecord, key: Buffer): Promise<unknown> {
  if (!(await codeOf(bytes, key)).equals(bytes.subarray(0, codeBytes))) return undefined;
  let at = valuesAt + bytes.readDoubleLE(valuesAt - 8);
  const found = JSON.parse(bytes.toString('utf8', valuesAt, at), (_, value) => {
    if (!Array.isArray(value?.$)) return value;
    const [, type, count] = value.$ as [number, keyof typeof arrays, number];
    const column = new arrays[type](bytes.buffer as ArrayBuffer, bytes.byteOffset + at, count);
    at += column.byteLength + missingBytes(column.byteLength);
    return column;
  });
  return found.version === version && found.name === name ? found.content : undefined;
}

async function codeOf(record: Buffer, key: Buffer): Promise<Buffer> {
  const pacer = new Pacer();
  const code = createHmac('sha256', key);
  for (let at = codeBytes; at < record.length; at += bytesAtOnce) {
    if (at > codeBytes) await pacer.rest();
    code.update(record.subarray(at, at + bytesAtOnce));
  }
  return code.digest();
}

/** Up to a multiple of 8 bytes. */
function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(missingBytes(bytes.length), ' ')]);
}

const missingBytes = (length: number): number => (8 - (length % 8)) % 8;
