import assert from 'node:assert/strict';
import type { OpenFile } from '../../server/engine/weights/files.ts';
import { readGguf } from '../../server/engine/weights/gguf.ts';
import { configEntries, ggufTensorSources } from '../../server/engine/weights/ggufMetadata.ts';
import { ggufConfig, ggufTensorNames } from '../../server/engine/weights/ggufModel.ts';
import { ggufChunks } from '../../server/engine/weights/ggufWriter.ts';
import { readSafetensorsHeader, safetensorsChunks } from '../../server/engine/weights/safetensors.ts';
import { checkShapes, namedShapes } from '../../server/engine/weights/shapes.ts';
import { createTokenizer } from '../../server/engine/weights/tokenizer.ts';
import { ggufTokenizerSource } from '../../server/engine/weights/tokenizerSources.ts';
import { UserError } from '../../server/errors.ts';
import {
  ggufBytes,
  ggufTensors,
  memoryFile,
  smallConfig,
  smallFamilies,
  smallMetadata,
  smallTokens,
  smallWeights,
} from '../unit/engine/weights/builders.ts';

/**
 * Model files to be damaged. A reader may take a damaged file or refuse it with a sentence; it may not throw anything else,
 * hang, or set memory aside for what the file only claims to hold.
 */
export interface Subject {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of the bytes; most damage is done there. */
  readonly header: number;
  /** What the engine does before it reads weights. Throws a UserError where it refuses. */
  readonly read: (file: OpenFile) => void;
}

export const path = '/memory/hostile';

/** A change to a file's bytes at `place`. */
export type Damage =
  | { readonly kind: 'byte' | 'drop' | 'repeat' | 'u32'; readonly place: number; readonly value: number }
  | { readonly kind: 'u64'; readonly place: number; readonly value: bigint }
  | { readonly kind: 'cut'; readonly place: number };

/** Numbers that counts, lengths and offsets are replaced by. */
export const words = [
  0n,
  1n,
  255n,
  65536n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  10n ** 9n,
].concat(2n ** 64n - 1n);

export function damaged(bytes: Buffer, changes: readonly Damage[]): Buffer {
  return changes.reduce<Buffer>((current, change) => {
    const { kind, place } = change;
    if (place + 8 > current.length) return current;
    if (kind === 'cut') return current.subarray(0, place);
    if (kind === 'drop') return Buffer.concat([current.subarray(0, place), current.subarray(place + change.value)]);
    if (kind === 'repeat') return Buffer.concat([current.subarray(0, place + change.value), current.subarray(place)]);
    const copy = Buffer.from(current);
    if (kind === 'byte') copy[place] = change.value;
    else if (kind === 'u32') copy.writeUInt32LE(change.value, place);
    else copy.writeBigUInt64LE(BigInt(change.value), place);
    return copy;
  }, bytes);
}

/** Whether the reader took the file; throws an AssertionError, or what the reader threw, where it did not keep the rules. */
export function taken(subject: Subject, content: Buffer): boolean {
  const file = counting(content);
  try {
    subject.read(file);
    return true;
  } catch (error) {
    checkRefusal(error);
    return false;
  } finally {
    const most = Math.max(content.length, 1 << 20);
    assert.ok(file.largest <= most, `a buffer of ${file.largest} bytes for a file of ${content.length}`);
  }
}

/** Throws what is not a sentence that names the file. */
export function checkRefusal(error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  assert.ok(error.message.includes(path), `the message names the file: ${error.message}`);
  assert.match(error.message, /^\P{Cc}+\.$/u, 'one line, without control characters');
  assert.ok(error.message.length < 1500, error.message);
}

/** A file that counts the bytes read from it into buffers of the reader's own. */
function counting(bytes: Uint8Array): OpenFile & { largest: number } {
  const file = memoryFile(bytes, path);
  const result = {
    ...file,
    largest: 0,
    read(target: Uint8Array, offset: number) {
      result.largest = Math.max(result.largest, target.length);
      file.read(target, offset);
    },
  };
  return result;
}

/** So small that most of a file is its header. */
const shape = { layers: 1, width: 16, heads: 2, keyValueHeads: 1, feedForward: 8, vocabulary: 8 };

/** A model of each kind, as GGUF and as safetensors. */
export function hostileSubjects(): Subject[] {
  return [safetensors(), ggufWithTokenizer(), ...Object.keys(smallFamilies).map(ggufOfFamily), ggufOfGpt2()];
}

function safetensors(): Subject {
  const weights = new Map([...smallWeights({ ...smallConfig, ...shape })].slice(0, 6));
  const bytes = Buffer.concat([...safetensorsChunks(weights, { metadata: { a: 'b' } })]);
  const header = 8 + Number(bytes.readBigUInt64LE(0));
  return { name: 'safetensors', bytes, header, read: (file) => void readSafetensorsHeader(file) };
}

/** A short list of tokens keeps the damage where the structure is. */
function ggufWithTokenizer(): Subject {
  const short = new Map<string, unknown>([
    ['tokenizer.ggml.tokens', smallTokens.slice(0, 5)],
    ['tokenizer.ggml.token_type', [3, 3, 4, 1, 1]],
    ['tokenizer.ggml.merges', []],
  ]);
  const config = { ...smallConfig, ...shape };
  const metadata = smallMetadata(config).map(([key, type, value]) => [key, type, short.get(key) ?? value] as const);
  const tensors = ggufTensors(smallWeights(config), config);
  return {
    name: 'GGUF',
    bytes: ggufBytes(metadata, tensors),
    header: ggufBytes(metadata, tensors, 3, { headerOnly: true }).length,
    read(file) {
      const gguf = readGgufShapes(file);
      createTokenizer(ggufTokenizerSource(gguf, shape.vocabulary));
    },
  };
}

function ggufOfFamily(name: string): Subject {
  const config = { ...smallFamilies[name as keyof typeof smallFamilies], ...shape };
  const metadata = smallMetadata(config).filter(([key]) => !key.startsWith('tokenizer.'));
  const linear = [[`${metadata[0][2]}.rope.scaling.factor`, 6, config.headNorms ? 4 : 1]] as const;
  const divisors = { name: 'rope_freqs.weight', dimensions: [4], type: 0, bytes: new Uint8Array(16).fill(63) };
  const extra = config.attentionBias === 'qkvo' ? [divisors] : [];
  const tensors = [...ggufTensors(smallWeights(config), config), ...extra];
  const all = [...metadata, ...linear];
  return {
    name: `GGUF of the family ${name}`,
    bytes: ggufBytes(all, tensors),
    header: ggufBytes(all, tensors, 3, { headerOnly: true }).length,
    read: (file) => void readGgufShapes(file),
  };
}

function ggufOfGpt2(): Subject {
  const decoder = { layers: 1, width: 16, heads: 2, keyValueHeads: 2, headWidth: 8, feedForward: 8, vocabulary: 8 };
  const config = { family: 'gpt2', ...decoder, normEpsilon: 1e-5, tiedEmbedding: true, maxPositions: 8 } as const;
  const sizes = new Map(namedShapes(config).map(({ name, shape: [rows, columns = 1] }) => [name, rows * columns]));
  const read = (name: string) => new Float32Array(sizes.get(name) as number);
  const tensors = ggufTensorSources({ family: 'gpt2', config }, 'F16', read);
  const pieces = [...ggufChunks(configEntries('small', config), tensors)];
  return {
    name: 'GGUF of the family gpt2',
    bytes: Buffer.concat(pieces),
    header: pieces[0].length,
    read: (file) => void readGgufShapes(file),
  };
}

function readGgufShapes(file: OpenFile) {
  const gguf = readGguf(file);
  const config = ggufConfig(gguf, file);
  const shapes = new Map([...ggufTensorNames(gguf)].map(([name, tensor]) => [name, tensor.shape]));
  checkShapes(path, namedShapes(config), shapes);
  return gguf;
}
