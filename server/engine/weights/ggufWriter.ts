import { UserError } from '../../errors.ts';
import { toF16, toQ8_0 } from './narrow.ts';

/** Writes GGUF files, version 3 (specification: ggml-org/ggml, docs/gguf.md). */

/** How the numbers of a tensor are kept: ggml's number for it, and bytes for a block of numbers. */
export const GGUF_FORMATS = {
  F32: { type: 0, blockSize: 1, blockBytes: 4 },
  F16: { type: 1, blockSize: 1, blockBytes: 2 },
  Q8_0: { type: 8, blockSize: 32, blockBytes: 34 },
} as const;
export type GgufFormat = keyof typeof GGUF_FORMATS;

export interface GgufTensorSource {
  readonly name: string;
  /** Outermost axis first; the last a multiple of the format's block. */
  readonly shape: readonly number[];
  readonly format: GgufFormat;
  /** Asked for once, when its turn comes. */
  readonly read: () => Float32Array;
}

const ALIGNMENT = 32;

/** Bytes of a tensor, without the gap after it. */
export function ggufTensorBytes({ shape, format }: Pick<GgufTensorSource, 'shape' | 'format'>): number {
  const { blockSize, blockBytes } = GGUF_FORMATS[format];
  return (shape.reduce((product, size) => product * size, 1) / blockSize) * blockBytes;
}

/** The bytes of a file, header first. `entries` are key-value pairs as `ggufEntry` makes them. */
export function* ggufChunks(
  entries: readonly Uint8Array[],
  tensors: readonly GgufTensorSource[],
): Generator<Uint8Array> {
  const header: Uint8Array[] = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length), ...entries];
  let offset = 0;
  for (const tensor of tensors) {
    const dimensions = [...tensor.shape].reverse().map(u64);
    header.push(text(tensor.name), u32(dimensions.length), ...dimensions);
    header.push(u32(GGUF_FORMATS[tensor.format].type), u64(offset));
    offset = aligned(offset + ggufTensorBytes(tensor));
  }
  yield padded(Buffer.concat(header));
  for (const tensor of tensors) yield padded(narrowed(tensor));
}

/** What rounds to infinity in half precision; of Q8_0 the scale, largest / 127, must fit there. */
const TOO_LARGE: Readonly<Record<GgufFormat, number>> = {
  F32: Number.POSITIVE_INFINITY,
  F16: 65520,
  Q8_0: 65520 * 127,
};

function narrowed({ name, format, read }: GgufTensorSource): Buffer {
  const values = read();
  const bad = values.findIndex((value) => !(Math.abs(value) < TOO_LARGE[format]));
  if (bad >= 0) {
    throw new UserError(`${name} holds ${values[bad]}, which ${format} cannot keep. Export as safetensors instead.`);
  }
  const numbers = format === 'F16' ? toF16(values) : format === 'Q8_0' ? toQ8_0(values) : values;
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** GGUF's numbers for the types of metadata that Palate writes. */
const TYPES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const;
const ARRAY = 9;
type Scalar = string | number | boolean;

/** A key and its value, or list of values, of one type. */
export function ggufEntry(key: string, type: keyof typeof TYPES, value: Scalar | readonly Scalar[]): Uint8Array {
  if (!Array.isArray(value)) return Buffer.concat([text(key), u32(TYPES[type]), encoded(type, value as Scalar)]);
  const list = value.map((entry) => encoded(type, entry));
  return Buffer.concat([text(key), u32(ARRAY), u32(TYPES[type]), u64(value.length), ...list]);
}

function encoded(type: keyof typeof TYPES, value: Scalar): Buffer {
  if (type === 'string') return text(value as string);
  if (type === 'bool') return Buffer.from([value ? 1 : 0]);
  const bytes = Buffer.alloc(4);
  if (type === 'float32') bytes.writeFloatLE(value as number);
  else if (type === 'int32') bytes.writeInt32LE(value as number);
  else bytes.writeUInt32LE(value as number);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

function padded(bytes: Buffer): Buffer {
  const gap = aligned(bytes.length) - bytes.length;
  return gap === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(gap)]);
}
