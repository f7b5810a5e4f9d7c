import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import type { ExportFormat, ExportParams, Task } from '../protocol/engine.ts';
import { checkAdapter, readAdapter } from './weights/adapters.ts';
import { familyOf } from './weights/families.ts';
import { type Chunks, readJson, type Writing, writingFile, writingFolder } from './weights/files.ts';
import { configEntries, copiedEntries, formatEntries, ggufTensorSources } from './weights/ggufMetadata.ts';
import { ggufFamily } from './weights/ggufModel.ts';
import { tokenizerEntries } from './weights/ggufTokenizer.ts';
import { ggufChunks, ggufTensorBytes } from './weights/ggufWriter.ts';
import { isTransposed, turned } from './weights/gpt2Weights.ts';
import { type ModelFiles, openModelFiles, type WeightEntry } from './weights/load.ts';
import { checkMemory, gigabytes } from './weights/memory.ts';
import { mergeInto } from './weights/merge.ts';
import { safetensorsChunks } from './weights/safetensors.ts';
import { modelTexts } from './weights/saveBase.ts';
import { namedShapes } from './weights/shapes.ts';
import { createTokenizer } from './weights/tokenizer.ts';
import type { Adapter, WeightTensor } from './weights/types.ts';

/**
 * Writes a model, with an adapter worked in, for other programs: a Hugging Face folder or a GGUF file. Weights go from
 * file to file one by one, so that a model may be larger than memory.
 */
export async function* exportModel(params: ExportParams): Task<'exportModel'> {
  const out = resolve(params.out);
  const format = params.format ?? (out.endsWith('.gguf') ? 'gguf-f16' : 'safetensors');
  checkOut(out, format);
  const model = openModelFiles(params.model);
  try {
    const adapter = params.adapter === undefined ? undefined : mergeable(params.adapter, model);
    checkLargest(model);
    const read = (name: string): WeightTensor => {
      const weight = (model.entries.get(name) as WeightEntry).read();
      return adapter === undefined ? weight : mergeInto(weight, name, adapter);
    };
    const { bytes, writing } = format === 'safetensors' ? folder(model, out, read) : file(model, out, format, read);
    mkdirSync(dirname(out), { recursive: true });
    checkRoom(out, bytes);
    let done = 0;
    for (const written of writing) {
      done += written;
      yield { kind: 'progress', what: 'writing', done: Math.min(done, bytes), total: bytes };
    }
    return { out, format, parameters: model.parameters, bytes: done };
  } catch (error) {
    throw cannotWrite(out, error);
  } finally {
    model.close();
  }
}

type Read = (name: string) => WeightTensor;

/** What is about to be written, and about how many bytes it takes. */
interface Plan {
  readonly bytes: number;
  readonly writing: Writing;
}

/** Numbers stay bfloat16 where all of the base's are; else float32 keeps what the adapter changed. */
function folder(model: ModelFiles, out: string, read: Read): Plan {
  const half = [...model.entries.values()].every(({ format }) => format.name === 'BF16');
  const weights = new Map<string, WeightTensor>(
    namedShapes(model.config).map(({ name, shape }) => [
      name,
      {
        shape: isTransposed(model.config, name) ? [...shape].reverse() : shape,
        get data() {
          return turned(model.config, name, read(name)).data;
        },
      },
    ]),
  );
  const tokenizer = createTokenizer(model.tokenizerSource());
  const texts =
    model.kind === 'gguf'
      ? modelTexts(model.config, tokenizer)
      : copiedTexts(model.path, half ? 'bfloat16' : 'float32');
  const chunks = safetensorsChunks(weights, { format: half ? 'BF16' : 'F32' });
  return {
    bytes: model.parameters * (half ? 2 : 4),
    writing: writingFolder(out, new Map<string, Chunks>([['model.safetensors', chunks], ...texts])),
  };
}

/** What a Hugging Face folder holds beside the weights; other files are about other programs. */
const TEXTS = [
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'vocab.json'],
  ...['merges.txt', 'tokenizer.model', 'chat_template.jinja', 'generation_config.json'],
];

function copiedTexts(from: string, dtype: string): Map<string, Chunks> {
  const config = readJson(join(from, 'config.json'), 4 << 20) as Record<string, unknown>;
  const key = 'torch_dtype' in config ? 'torch_dtype' : 'dtype';
  const texts = TEXTS.filter((name) => existsSync(join(from, name)));
  return new Map<string, Chunks>([
    ['config.json', [`${JSON.stringify({ ...config, [key]: dtype }, null, 2)}\n`]],
    ...texts.map((name) => [name, [readFileSync(join(from, name))]] as const),
  ]);
}

/** The metadata of a GGUF base is copied; that of a Hugging Face folder is made. */
function file(model: ModelFiles, out: string, format: 'gguf-f16' | 'gguf-q8_0', read: Read): Plan {
  const { config, gguf } = model;
  const kept = format === 'gguf-f16' ? 'F16' : 'Q8_0';
  const family = gguf === undefined ? familyOf(config) : ggufFamily(gguf.header);
  const tensors = ggufTensorSources({ family, config }, kept, (name) => read(name).data);
  const described =
    gguf === undefined
      ? [
          ...configEntries(basename(model.path), config),
          ...tokenizerEntries(createTokenizer(model.tokenizerSource()), config.vocabulary),
        ]
      : copiedEntries(gguf.header, gguf.file);
  const entries = [...described, ...formatEntries(kept)];
  const bytes = tensors.reduce((sum, tensor) => sum + ggufTensorBytes(tensor), 0);
  return { bytes, writing: writingFile(out, ggufChunks(entries, tensors)) };
}

function mergeable(path: string, model: ModelFiles): Adapter {
  const adapter = readAdapter(path);
  checkAdapter(adapter, model.config, path);
  if (adapter.task === 'CAUSAL_LM') return adapter;
  throw new UserError(
    `${path} is a reward model: its score head has no place in a language model. Its folder is what other programs read; give the adapter of sft or ppo here.`,
  );
}

function checkOut(out: string, format: ExportFormat): void {
  const isFile = out.endsWith('.gguf');
  if (isFile !== (format !== 'safetensors')) {
    throw new UserError(
      isFile
        ? `${out}: safetensors is a folder. Give --out a name without .gguf, or choose --format gguf-f16 or gguf-q8_0.`
        : `${out}: ${format} is a file. Give --out a name that ends in .gguf.`,
    );
  }
  if (!existsSync(out) || (!isFile && statSync(out).isDirectory() && readdirSync(out).length === 0)) return;
  throw new UserError(`${out} is there already. Give another --out, or remove it first.`);
}

/** One weight as float32, and once more as it is written. */
function checkLargest({ path, config }: ModelFiles): void {
  const sizes = namedShapes(config).map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  checkMemory({
    what: `Exporting ${path}`,
    bytes: Math.max(...sizes) * 8 + (64 << 20),
    wouldFit: () => 'Close other programs, and try again.',
  });
}

function checkRoom(out: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(out));
  const room = bavail * bsize;
  if (bytes <= room) return;
  throw new UserError(
    `${out} takes ${gigabytes(bytes)}, and ${gigabytes(room)} are free there. Make room, or give another --out.`,
  );
}

/** The file system's own errors as a sentence; others as they are. */
function cannotWrite(out: string, error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof UserError || code === undefined || syscall === undefined) return error;
  const known: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the quota of this user is used up',
    EACCES: 'this user may not write there',
    EPERM: 'this user may not write there',
    EROFS: 'the file system is read-only',
    ENOTDIR: 'a part of the path is a file',
    EEXIST: 'a part of the path is a file',
  };
  return new UserError(`Cannot write ${out}: ${known[code] ?? message}.`, { cause: error });
}
