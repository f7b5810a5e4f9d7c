import { createHash, type Hash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { type ModelConfig, networkOf } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { count, type OpenFile, openFile, quoted } from './files.ts';
import { type GgufFile, readGguf } from './gguf.ts';
import { ggufConfig, ggufFamily, ggufTensorNames, readGgufWeight } from './ggufModel.ts';
import { gpt2TensorName, isTransposed, turned } from './gpt2Weights.ts';
import { readHuggingFaceConfig, weightFiles } from './huggingface.ts';
import { checkMemory } from './memory.ts';
import type { NumberFormat } from './numbers.ts';
import { isPickleName, pickleError, refusePickle } from './pickles.ts';
import { WeightReader } from './readWeights.ts';
import { readSafetensorsHeader, readSafetensorsTensor } from './safetensors.ts';
import { checkShapes, namedShapes, parameterCount } from './shapes.ts';
import { createTokenizer, type TokenizerSource } from './tokenizer.ts';
import { ggufTokenizerSource, huggingFaceTokenizerSource } from './tokenizerSources.ts';
import type { BaseModel, WeightTensor } from './types.ts';
import { NotFinite, type Widen } from './widen.ts';

/** What a model is, from its headers alone: nothing large has been read. */
export interface ModelDescription {
  /** Absolute. */
  readonly path: string;
  readonly kind: 'gguf' | 'huggingface';
  readonly config: ModelConfig;
  readonly parameters: number;
  /** Bytes of the weights on disk, and in memory as float32. */
  readonly fileBytes: number;
  readonly float32Bytes: number;
}

/**
 * Loads a model of a known family from a .gguf file or a Hugging Face folder: configuration, weights widened to
 * float32, tokenizer. Every weight is checked by name and shape before the first is read, and memory before that.
 * Throws a UserError that names file and field.
 */
export async function loadBaseModel(path: string): Promise<BaseModel> {
  const model = openModelFiles(path);
  try {
    checkMemory({
      what: `Loading ${model.path}`,
      bytes: model.float32Bytes * 1.05 + networkOf(model.config).tableBytes + (64 << 20),
      wouldFit: (available) =>
        `A model of up to about ${count(Math.max(0, Math.floor(available / 4.4e6) - 15))} million weights would fit.`,
    });
    const names = namedShapes(model.config).map(({ name }) => name);
    const entries = names.map((name) => model.entries.get(name) as WeightEntry);
    const identity = createHash('sha256').update(JSON.stringify(Object.entries(model.config).sort()));
    for (const [k, name] of names.entries()) addToIdentity(identity, name, entries[k]);
    const reader = new WeightReader(entries);
    try {
      const tokenizer = createTokenizer(model.tokenizerSource());
      const read = await reader.read();
      const weights = new Map(names.map((name, k) => [name, read[k]]));
      return { path: model.path, identity: identity.digest('hex'), config: model.config, weights, tokenizer };
    } finally {
      await reader.close();
    }
  } finally {
    model.close();
  }
}

/** Reads and checks headers and configuration only. Throws as `loadBaseModel` does. */
export function describeModel(path: string): ModelDescription {
  const { path: absolute, kind, config, parameters, fileBytes, float32Bytes, close } = openModelFiles(path);
  close();
  return { path: absolute, kind, config, parameters, fileBytes, float32Bytes };
}

/** One weight in an opened file. */
export interface WeightEntry {
  readonly file: OpenFile;
  readonly shape: readonly number[];
  readonly format: NumberFormat;
  readonly offset: number;
  readonly elements: number;
  readonly bytes: number;
  /** Its numbers as float32. Throws a UserError where one is not finite. */
  read(widen?: Widen): WeightTensor;
}

/** A model whose files are open. */
export interface ModelFiles extends ModelDescription {
  /** By Hugging Face names. */
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** The header, where it is a GGUF file. */
  readonly gguf?: { readonly header: GgufFile; readonly file: OpenFile };
  tokenizerSource(): TokenizerSource;
  close(): void;
}

/**
 * Opens and checks a model without reading its weights: every one is there in the shape that the configuration says.
 * Throws as `loadBaseModel` does.
 */
export function openModelFiles(path: string): ModelFiles {
  const absolute = resolve(path);
  const status = statSync(absolute, { throwIfNoEntry: false });
  if (!status)
    throw new UserError(
      `There is no model at ${absolute}. Give a .gguf file, or a folder with config.json and model.safetensors.`,
    );
  if (status.isDirectory()) return openFolder(absolute);
  if (isPickleName(absolute)) throw pickleError(absolute);
  if (extname(absolute) === '.safetensors') {
    throw new UserError(
      `${absolute}: a safetensors file does not say what model it is. Give its folder, which also has config.json and tokenizer.json.`,
    );
  }
  return openGguf(absolute);
}

function openGguf(path: string): ModelFiles {
  const file = openFile(path);
  try {
    const gguf = readHeader(file);
    const config = ggufConfig(gguf, file);
    const layout = { family: ggufFamily(gguf), headWidth: config.headWidth };
    const entries = new Map<string, WeightEntry>();
    for (const [name, tensor] of ggufTensorNames(gguf)) {
      const read = (widen?: Widen) => finite(file, name, () => readGgufWeight(file, tensor, name, layout, widen));
      entries.set(name, { file, ...tensor, read });
    }
    return {
      ...described(path, 'gguf', config, entries),
      gguf: { header: gguf, file },
      tokenizerSource: () => ggufTokenizerSource(gguf, config.vocabulary),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readHeader(file: OpenFile): GgufFile {
  const start = new Uint8Array(Math.min(4, file.size));
  file.read(start, 0);
  refusePickle(file.path, start);
  return readGguf(file);
}

function openFolder(folder: string): ModelFiles {
  if (!existsSync(join(folder, 'config.json'))) throw notAModelFolder(folder);
  const config = readHuggingFaceConfig(folder);
  const files = new Set<OpenFile>();
  const close = () => {
    for (const file of files) file.close();
    files.clear();
  };
  try {
    const entries = new Map<string, WeightEntry>();
    for (const path of weightFiles(folder)) {
      const file = openFile(path);
      files.add(file);
      for (const [inFile, tensor] of readSafetensorsHeader(file).tensors) {
        const name = config.family === 'gpt2' ? gpt2TensorName(inFile) : inFile;
        if (name === undefined) continue;
        if (entries.has(name))
          throw new UserError(`${path}: the tensor ${quoted(name)} is also in ${entries.get(name)?.file.path}.`);
        const shape = isTransposed(config, name) ? [...tensor.shape].reverse() : tensor.shape;
        const read = (widen?: Widen) =>
          turned(
            config,
            name,
            finite(file, name, () => readSafetensorsTensor(file, tensor, widen)),
          );
        entries.set(name, { file, ...tensor, shape, read });
      }
    }
    dropHarmless(config, entries);
    return {
      ...described(folder, 'huggingface', config, entries),
      tokenizerSource: () => huggingFaceTokenizerSource(folder, config.vocabulary),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function finite({ path }: OpenFile, name: string, read: () => WeightTensor): WeightTensor {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NotFinite)) throw error;
    throw new UserError(`${path}: ${name} holds ${error.value} (number ${count(error.index)}); the file is damaged.`);
  }
}

/** Old checkpoints also hold the rotary frequencies, and tied ones a second copy of the embedding: both follow from the rest. */
function dropHarmless(config: ModelConfig, entries: Map<string, WeightEntry>): void {
  for (const name of entries.keys()) {
    if (/^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name)) entries.delete(name);
  }
  const head = entries.get('lm_head.weight');
  const sameShape = head?.shape.length === 2 && head.shape[0] === config.vocabulary && head.shape[1] === config.width;
  if (config.tiedEmbedding && sameShape) entries.delete('lm_head.weight');
}

function described(
  path: string,
  kind: ModelDescription['kind'],
  config: ModelConfig,
  entries: ReadonlyMap<string, WeightEntry>,
) {
  checkShapes(path, namedShapes(config), new Map([...entries].map(([name, entry]) => [name, entry.shape])));
  const parameters = parameterCount(config);
  const fileBytes = [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  return { path, kind, config, entries, parameters, fileBytes, float32Bytes: parameters * 4 };
}

/**
 * Name, type and shape of a weight, and the first and last 4 KB of its numbers: models of one architecture have the
 * same headers, and fine-tuning moves nearly every number.
 */
function addToIdentity(identity: Hash, name: string, { file, format, shape, offset, bytes }: WeightEntry): void {
  identity.update(`${name} ${format.name} ${shape.join('x')}\n`);
  const sample = new Uint8Array(Math.min(4096, bytes));
  for (const at of [offset, offset + bytes - sample.length]) {
    file.read(sample, at);
    identity.update(sample);
  }
}

function notAModelFolder(folder: string): UserError {
  const names = readdirSync(folder);
  if (names.includes('adapter_config.json')) {
    return new UserError(
      `${folder} is an adapter, not a model. Give its base with --model and this folder with --adapter.`,
    );
  }
  const gguf = names.find((name) => name.endsWith('.gguf'));
  if (gguf) return new UserError(`${folder} has no config.json. Did you mean ${join(folder, gguf)}?`);
  if (names.includes('snapshots')) {
    const snapshot = readdirSync(join(folder, 'snapshots'))[0];
    return new UserError(
      `${folder} is a model of the Hugging Face cache; give the folder of a snapshot: ${join(folder, 'snapshots', snapshot ?? '')}.`,
    );
  }
  const pickle = names.find(isPickleName);
  if (pickle) return pickleError(join(folder, pickle));
  return new UserError(
    `${folder}: there is no config.json in this folder. Give a .gguf file, or a folder with config.json and model.safetensors.`,
  );
}
