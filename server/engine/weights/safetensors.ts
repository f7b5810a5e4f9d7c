import { UserError } from '../../errors.ts';
import { count, type OpenFile, quoted, shown, withFile, writeFileAtomically } from './files.ts';
import { BF16, F16, F32, type NumberFormat, toBF16 } from './numbers.ts';
import { refusePickle } from './pickles.ts';
import type { WeightTensor } from './types.ts';
import { type Widen, widenAny, widenFromFile } from './widen.ts';

/** Reads and writes safetensors files (specification: huggingface/safetensors, README, "Format"). */
export interface SafetensorsHeader {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** The strings of "__metadata__". */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface SafetensorsTensor {
  readonly shape: readonly number[];
  readonly elements: number;
  readonly format: NumberFormat;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly bytes: number;
}

const FORMATS: Readonly<Record<string, NumberFormat>> = { F32, F16, BF16 };
const MAXIMUM_HEADER = 32 << 20;

/** Reads and checks the header of an opened file. Throws a UserError that names the file and the field. */
export function readSafetensorsHeader(file: OpenFile): SafetensorsHeader {
  const { header, dataStart } = readHeaderObject(file);
  const tensors = new Map<string, SafetensorsTensor>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkedMetadata(file.path, value);
    else tensors.set(name, checkedTensor(file, dataStart, name, value));
  }
  checkCoverage(file, dataStart, tensors);
  return { path: file.path, tensors, metadata };
}

/** One tensor as float32. */
export function readSafetensorsTensor(
  file: OpenFile,
  tensor: SafetensorsTensor,
  widen: Widen = widenFromFile,
): WeightTensor {
  return { shape: tensor.shape, data: widen(file, tensor) };
}

/** A whole small file (an adapter) in memory. */
export function readSafetensors(path: string): {
  tensors: Map<string, WeightTensor>;
  metadata: Readonly<Record<string, string>>;
} {
  return withFile(path, (file) => {
    const header = readSafetensorsHeader(file);
    const tensors = new Map(
      [...header.tensors].map(([name, tensor]) => [name, readSafetensorsTensor(file, tensor, widenAny)] as const),
    );
    return { tensors, metadata: header.metadata };
  });
}

export interface SafetensorsOptions {
  /** How numbers are kept; BF16 rounds to nearest, ties to even. Default 'F32'. */
  readonly format?: 'F32' | 'BF16';
  /** Strings for "__metadata__". PEFT and Transformers expect {format: 'pt'}, which is always added. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Writes a file atomically; tensors in the order of their names, so that equal content gives equal bytes. */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WeightTensor>,
  options: SafetensorsOptions = {},
): void {
  writeFileAtomically(path, safetensorsChunks(tensors, options));
}

/**
 * The bytes of a safetensors file, header first. The numbers of each tensor are asked for once, when its turn comes: they
 * may be read at that moment.
 */
export function* safetensorsChunks(
  tensors: ReadonlyMap<string, WeightTensor>,
  options: SafetensorsOptions = {},
): Generator<Uint8Array> {
  const format = FORMATS[options.format ?? 'F32'];
  const names = [...tensors.keys()].sort();
  const header = Object.create(null) as Record<string, unknown>;
  header.__metadata__ = { format: 'pt', ...options.metadata };
  let end = 0;
  for (const name of names) {
    const { shape } = tensors.get(name) as WeightTensor;
    const begin = end;
    end += elementsOf(shape) * format.blockBytes;
    header[name] = { dtype: format.name, shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8), 0);
  json.copy(padded, 8);
  yield padded;
  for (const name of names) {
    const tensor = tensors.get(name) as WeightTensor;
    const { data } = tensor;
    if (elementsOf(tensor.shape) !== data.length)
      throw new Error(`${name}: shape [${tensor.shape}] does not describe ${data.length} numbers.`);
    const numbers = format === BF16 ? toBF16(data) : data;
    yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  }
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function readHeaderObject(file: OpenFile): { header: object; dataStart: number } {
  const start = new Uint8Array(Math.min(9, file.size));
  file.read(start, 0);
  if (start[8] !== 0x7b) {
    refusePickle(file.path, start);
    throw new UserError(`${file.path}: not a safetensors file; its header does not begin with "{".`);
  }
  const length = Buffer.from(start).readBigUInt64LE(0);
  if (length > BigInt(file.size - 8) || length > BigInt(MAXIMUM_HEADER)) {
    throw new UserError(
      `${file.path}: the header claims ${count(length)} bytes; the file has ${count(file.size)} and Palate's limit is ${count(MAXIMUM_HEADER)}. The file is cut short or damaged.`,
    );
  }
  const bytes = new Uint8Array(Number(length));
  file.read(bytes, 8);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UserError(`${file.path}: the header is not valid JSON; the file is damaged.`, { cause: error });
  }
  if (!isRecord(header)) throw new UserError(`${file.path}: the header is not a JSON object.`);
  return { header, dataStart: 8 + bytes.length };
}

function checkedTensor(file: OpenFile, dataStart: number, name: string, value: unknown): SafetensorsTensor {
  const fail = (found: string): never => {
    throw new UserError(`${file.path}: tensor ${quoted(name)} ${found}.`);
  };
  if (!isRecord(value)) return fail('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(FORMATS, dtype)) {
    return fail(`has dtype ${shown(dtype)}; Palate reads ${Object.keys(FORMATS).join(', ')}`);
  }
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isCount))
    return fail('has a shape that is not a list of sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return fail('has data_offsets that are not two offsets');
  const [begin, end] = offsets as [number, number];
  if (begin > end || dataStart + end > file.size) {
    return fail(
      `lies at ${count(begin)}…${count(end)}, past the ${count(file.size - dataStart)} bytes of data; the file is cut short or damaged`,
    );
  }
  const elements = elementsOf(shape as number[]);
  const format = FORMATS[dtype];
  if (elements * format.blockBytes !== end - begin) {
    return fail(
      `of shape [${shape.join(', ')}] in ${dtype} does not take the ${count(end - begin)} bytes that it is given`,
    );
  }
  return { shape: shape as number[], elements, format, offset: dataStart + begin, bytes: end - begin };
}

/** The format demands that tensors lie side by side, without gaps and without overlap, up to the end. */
function checkCoverage(file: OpenFile, dataStart: number, tensors: ReadonlyMap<string, SafetensorsTensor>): void {
  let end = dataStart;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset !== end) {
      throw new UserError(
        `${file.path}: tensor ${quoted(name)} begins at byte ${count(tensor.offset)} where ${count(end)} is expected; the file is damaged.`,
      );
    }
    end += tensor.bytes;
  }
  if (end !== file.size) {
    throw new UserError(
      `${file.path}: ${count(file.size - end)} bytes after the last tensor belong to nothing; the file is damaged.`,
    );
  }
}

function checkedMetadata(path: string, value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw new UserError(`${path}: "__metadata__" is not an object of strings.`);
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
