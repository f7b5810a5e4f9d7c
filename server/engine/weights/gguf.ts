import { UserError } from '../../errors.ts';
import { count, listed, type OpenFile, quoted, shown } from './files.ts';
import { Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K } from './kQuants.ts';
import { BF16, F16, F32, IQ4_NL, type NumberFormat, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 } from './numbers.ts';

/**
 * Reads the header of a GGUF file, version 3 (specification: ggml-org/ggml, docs/gguf.md). Nothing that the file
 * claims is believed before it has been compared with the file's size: a hostile header costs no memory.
 */
export interface GgufFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Where each key and its value lie in the file. */
  readonly entries: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;
}

export type GgufValue = string | number | boolean | readonly GgufValue[];

export interface GgufTensor {
  readonly name: string;
  /** Outermost axis first, as everywhere in Palate; the file has the innermost first. */
  readonly shape: readonly number[];
  readonly elements: number;
  readonly format: NumberFormat;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** ggml's numbers for tensor types; those without a format are only named in the refusal. */
const GGUF_TYPES: ReadonlyMap<number, NumberFormat> = new Map<number, NumberFormat>([
  [0, F32],
  [1, F16],
  [2, Q4_0],
  [3, Q4_1],
  [6, Q5_0],
  [7, Q5_1],
  [8, Q8_0],
  [10, Q2_K],
  [11, Q3_K],
  [12, Q4_K],
  [13, Q5_K],
  [14, Q6_K],
  [15, Q8_K],
  [20, IQ4_NL],
  [30, BF16],
]);

/** Every format of weight files: those of safetensors are among GGUF's. */
export const numberFormats: readonly NumberFormat[] = [...GGUF_TYPES.values()];
// biome-ignore format: a table
const TYPE_NAMES: Readonly<Record<number, string>> = {
  9: 'Q8_1', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8',
  25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4',
};

const STRING = 8;
const ARRAY = 9;
/** Bytes of the metadata types of fixed size, by their number in the file. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

const LIMITS = {
  keyBytes: 65535,
  stringBytes: 16 << 20,
  arrayLength: 4 << 20,
  arrayDepth: 3,
  headerBytes: 128 << 20,
  values: 8 << 20,
  tensors: 100_000,
  keys: 10_000,
};
const SMALLEST_KEY_VALUE = 8 + 1 + 4 + 1;
const SMALLEST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8;

/** Reads and checks the header of an opened file. Throws a UserError that names the file and the field. */
export function readGguf(file: OpenFile): GgufFile {
  const reader = new HeaderReader(file);
  checkMagic(file, reader);
  const tensorCount = reader.count('tensor count', SMALLEST_TENSOR, LIMITS.tensors);
  const keyCount = reader.count('metadata key count', SMALLEST_KEY_VALUE, LIMITS.keys);
  const metadata = new Map<string, GgufValue>();
  const entries = new Map<string, { offset: number; bytes: number }>();
  for (let i = 0; i < keyCount; i++) {
    const offset = reader.position;
    const key = reader.string(`metadata key ${i + 1} of ${keyCount}`, LIMITS.keyBytes);
    if (metadata.has(key)) reader.fail(`metadata key ${quoted(key)}`, 'occurs twice');
    metadata.set(
      key,
      readValue(reader, `metadata key ${quoted(key)}`, reader.u32(`metadata key ${quoted(key)} (type)`), 0),
    );
    entries.set(key, { offset, bytes: reader.position - offset });
  }
  const described: TensorClaim[] = [];
  for (let i = 0; i < tensorCount; i++) described.push(readTensorClaim(reader, `tensor ${i + 1} of ${tensorCount}`));
  return { path: file.path, metadata, tensors: placeTensors(file, reader, metadata, described), entries };
}

function checkMagic(file: OpenFile, reader: HeaderReader): void {
  if (file.size < 24) throw new UserError(`${file.path}: not a GGUF file; it has only ${file.size} bytes.`);
  const magic = reader.bytes('magic', 4).toString('latin1');
  if (magic !== 'GGUF')
    throw new UserError(`${file.path}: not a GGUF file; it begins with ${quoted(magic)} instead of "GGUF".`);
  const version = reader.u32('version');
  if (version === 0x03000000) {
    throw new UserError(
      `${file.path}: this GGUF file is big-endian; Palate reads little-endian files. Convert it with gguf-py's gguf-convert-endian.`,
    );
  }
  if (version !== 3) {
    throw new UserError(
      `${file.path}: GGUF version ${version}; Palate reads version 3. Convert the model again with a current llama.cpp.`,
    );
  }
}

function readValue(reader: HeaderReader, field: string, type: number, depth: number): GgufValue {
  if (type === STRING) return reader.string(field, LIMITS.stringBytes);
  if (type !== ARRAY) return reader.fixed(field, type);
  if (depth >= LIMITS.arrayDepth) reader.fail(field, `has arrays nested deeper than ${LIMITS.arrayDepth}`);
  const elementType = reader.u32(field);
  const smallest = elementType === STRING ? 8 : elementType === ARRAY ? 12 : FIXED_BYTES[elementType];
  if (smallest === undefined) reader.fail(field, `is an array of type ${elementType}, which GGUF does not define`);
  const length = reader.count(`${field} (array length)`, smallest, LIMITS.arrayLength);
  reader.spendValues(field, length);
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i++) values.push(readValue(reader, field, elementType, depth + 1));
  return values;
}

/** What the file says of a tensor, before its place is checked. */
interface TensorClaim extends Omit<GgufTensor, 'offset'> {
  readonly relativeOffset: number;
}

function readTensorClaim(reader: HeaderReader, which: string): TensorClaim {
  const name = reader.string(`${which}: name`, 256);
  const field = `tensor ${quoted(name)}`;
  const rank = reader.u32(`${field}: number of axes`);
  if (rank < 1 || rank > 4) reader.fail(field, `has ${rank} axes; 1 to 4 are possible`);
  const dimensions: number[] = [];
  for (let i = 0; i < rank; i++) dimensions.push(reader.u64(`${field}: axis ${i}`));
  const type = reader.u32(`${field}: type`);
  const relativeOffset = reader.u64(`${field}: offset`);
  const format = GGUF_TYPES.get(type);
  if (!format) {
    const supported = [...GGUF_TYPES.values()].map((known) => known.name).join(', ');
    throw new UserError(
      `${reader.file.path}: ${field} is of type ${TYPE_NAMES[type] ?? 'unknown'} (${type}); Palate reads ${supported}. Use a file with one of these, for example a Q8_0 one.`,
    );
  }
  if (dimensions.some((size) => size < 1)) reader.fail(field, `has an axis of size 0 (${dimensions.join(' × ')})`);
  const elements = dimensions.reduce((product, size) => product * size, 1);
  if (dimensions[0] % format.blockSize !== 0) {
    reader.fail(
      field,
      `has rows of ${count(dimensions[0])} numbers, which is not a multiple of ${format.name}'s block of ${format.blockSize}`,
    );
  }
  const bytes = (elements / format.blockSize) * format.blockBytes;
  if (!Number.isSafeInteger(elements) || bytes > reader.file.size) {
    reader.fail(
      field,
      `claims ${dimensions.map(count).join(' × ')} numbers, more than a file of ${count(reader.file.size)} bytes can hold`,
    );
  }
  return { name, shape: dimensions.reverse(), elements, format, relativeOffset, bytes };
}

function placeTensors(
  file: OpenFile,
  reader: HeaderReader,
  metadata: ReadonlyMap<string, GgufValue>,
  claims: readonly TensorClaim[],
): ReadonlyMap<string, GgufTensor> {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 65536 || (alignment & (alignment - 1)) !== 0) {
    reader.fail('general.alignment', `is ${shown(alignment)}; it must be a power of two up to 65,536`);
  }
  const start = Math.ceil(reader.position / (alignment as number)) * (alignment as number);
  const tensors = new Map<string, GgufTensor>();
  for (const { relativeOffset, ...claim } of claims) {
    const field = `tensor ${quoted(claim.name)}`;
    const offset = start + relativeOffset;
    if (tensors.has(claim.name)) reader.fail(field, 'occurs twice');
    if (relativeOffset % (alignment as number) !== 0)
      reader.fail(field, `begins at offset ${relativeOffset}, which is not a multiple of ${alignment}`);
    if (offset + claim.bytes > file.size) {
      reader.fail(
        field,
        `should end at byte ${count(offset + claim.bytes)}, but the file has ${count(file.size)}; the file is cut short or damaged, fetch it again`,
      );
    }
    tensors.set(claim.name, { ...claim, offset });
  }
  const ordered = [...tensors.values()].sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i - 1].offset + ordered[i - 1].bytes > ordered[i].offset) {
      reader.fail(`tensors ${listed([ordered[i - 1].name, ordered[i].name].map(quoted))}`, 'lie over one another');
    }
  }
  return tensors;
}

/** Walks the header through a window on the file, so that neither file nor header need fit in memory. */
class HeaderReader {
  readonly file: OpenFile;
  position = 0;
  private window: Buffer = Buffer.alloc(0);
  private windowStart = 0;
  private values = 0;

  constructor(file: OpenFile) {
    this.file = file;
  }

  fail(field: string, found: string): never {
    throw new UserError(`${this.file.path}: ${field} ${found}.`);
  }

  bytes(field: string, length: number): Buffer {
    const from = this.take(field, length);
    return this.window.subarray(from, from + length);
  }

  /** Many short arrays must not add up to what one long array may not be. */
  spendValues(field: string, length: number): void {
    this.values += length;
    if (this.values > LIMITS.values)
      this.fail(field, `brings the metadata to more than ${count(LIMITS.values)} values`);
  }

  u32(field: string): number {
    const from = this.take(field, 4);
    return this.window.readUInt32LE(from);
  }

  u64(field: string): number {
    const from = this.take(field, 8);
    const value = this.window.readUInt32LE(from + 4) * 2 ** 32 + this.window.readUInt32LE(from);
    if (!Number.isSafeInteger(value)) this.fail(field, `is ${count(value)}, which is absurd`);
    return value;
  }

  /** A count of things of at least `smallestBytes` each, which the rest of the file must be able to hold. */
  count(field: string, smallestBytes: number, limit: number): number {
    const value = this.u64(field);
    if (value > limit || value * smallestBytes > this.file.size - this.position) {
      this.fail(
        field,
        `is ${count(value)}, more than the file (${count(this.file.size)} bytes) or Palate's limit (${count(limit)}) allows`,
      );
    }
    return value;
  }

  string(field: string, limit: number): string {
    const length = this.count(`${field} (length)`, 1, limit);
    const from = this.take(field, length);
    const text = this.window.toString('utf8', from, from + length);
    const replaced =
      text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(this.window.subarray(from, from + length));
    if (replaced) this.fail(field, 'is not UTF-8 text');
    return text;
  }

  /** Steps over the next `length` bytes and returns where they lie in the window. */
  private take(field: string, length: number): number {
    const end = this.position + length;
    if (end > this.file.size) {
      this.fail(
        field,
        `lies past the end of the file (${count(this.file.size)} bytes); the file is cut short, fetch it again`,
      );
    }
    if (end > LIMITS.headerBytes) {
      this.fail(field, `lies past byte ${count(LIMITS.headerBytes)}; a header is not that long`);
    }
    if (end > this.windowStart + this.window.length) {
      this.windowStart = this.position;
      this.window = Buffer.alloc(Math.min(Math.max(length, 1 << 20), this.file.size - this.position));
      this.file.read(this.window, this.windowStart);
    }
    const from = this.position - this.windowStart;
    this.position = end;
    return from;
  }

  fixed(field: string, type: number): number | boolean {
    const size = FIXED_BYTES[type];
    if (size === undefined) this.fail(field, `is of type ${type}, which GGUF does not define`);
    const bytes = this.bytes(field, size);
    // biome-ignore format: a table
    switch (type) {
      case 0: return bytes.readUInt8(0);
      case 1: return bytes.readInt8(0);
      case 2: return bytes.readUInt16LE(0);
      case 3: return bytes.readInt16LE(0);
      case 4: return bytes.readUInt32LE(0);
      case 5: return bytes.readInt32LE(0);
      case 6: return bytes.readFloatLE(0);
      case 7: return bytes.readUInt8(0) !== 0;
      case 10: return Number(bytes.readBigUInt64LE(0));
      case 11: return Number(bytes.readBigInt64LE(0));
      default: return bytes.readDoubleLE(0);
    }
  }
}
