import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { listed, quoted, readJson, readText } from './files.ts';
import type { GgufFile, GgufValue } from './gguf.ts';
import type { TokenizerSource } from './tokenizer.ts';
import {
  GPT2_PATTERN,
  isByteLevel,
  SPACES_BEGIN,
  SPACES_END,
  splitAt,
  splitMerge,
  type TokenizerJson,
} from './tokenizerJson.ts';

/** Where a tokenizer's parts lie: in a GGUF file's metadata, or in the files of a Hugging Face folder. */

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const TEKKEN =
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** How text is cut before merging, by the name in tokenizer.ggml.pre; each pattern cuts what the one before left. */
interface PreTokenizer {
  readonly patterns: readonly string[];
  /** A whole piece that is a token is taken as it is, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** Whether BOS is added where the file does not say. */
  readonly addBos?: boolean;
  readonly normalizer?: { readonly type: 'NFC' };
}
const DIGITS_THEN_GPT2: PreTokenizer = { patterns: ['\\p{N}', GPT2_PATTERN] };
const GPT2: PreTokenizer = { patterns: [GPT2_PATTERN] };
const LIKE_LLAMA3: PreTokenizer = { patterns: [LLAMA3], ignoreMerges: true, addBos: true };
const LIKE_QWEN2: PreTokenizer = { patterns: [QWEN2], normalizer: { type: 'NFC' } };
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  // llama.cpp's own fallback for models whose conversion did not know better.
  default: { patterns: ['[\\p{P}$+<=>^~|]+', GPT2_PATTERN, '\\p{N}+', '[0-9][0-9][0-9]'] },
  'gpt-2': GPT2,
  mpt: GPT2,
  olmo: GPT2,
  smollm: DIGITS_THEN_GPT2,
  starcoder: DIGITS_THEN_GPT2,
  refact: DIGITS_THEN_GPT2,
  'command-r': DIGITS_THEN_GPT2,
  codeshell: DIGITS_THEN_GPT2,
  'llama-bpe': LIKE_LLAMA3,
  'llama-v3': LIKE_LLAMA3,
  llama3: LIKE_LLAMA3,
  falcon3: LIKE_LLAMA3,
  pixtral: LIKE_LLAMA3,
  dbrx: { patterns: [LLAMA3] },
  'smaug-bpe': { patterns: [LLAMA3] },
  qwen2: LIKE_QWEN2,
  'deepseek-r1-qwen': LIKE_QWEN2,
  megrez: LIKE_QWEN2,
  tekken: { patterns: [TEKKEN], ignoreMerges: true, addBos: true },
};

/** Patterns that published models share: all of them run in time proportional to the text. */
export const knownPatterns: ReadonlySet<string> = new Set([
  ...Object.values(PRE_TOKENIZERS).flatMap(({ patterns }) => patterns),
  ...['\\p{N}', '\\p{N}+', '\\p{N}{1,3}', '\\s+', ' ', SPACES_END, SPACES_BEGIN],
]);

/**
 * The name in tokenizer.ggml.pre for what a checked tokenizer.json does, or undefined where there is none. That a text is
 * brought to Unicode's composed form first has no name: llama.cpp leaves it out.
 */
export function preTokenizerName({ model, normalizer, pre_tokenizer, decoder }: TokenizerJson): string | undefined {
  const patterns = patternsOf(pre_tokenizer);
  const composes = (normalizer as { type?: unknown } | null)?.type ?? 'NFC';
  if (patterns === undefined || composes !== 'NFC' || !isByteLevel(decoder)) return undefined;
  const ignoreMerges = (model as { ignore_merges?: unknown }).ignore_merges === true;
  const same = (kind: PreTokenizer) =>
    String(kind.patterns) === String(patterns) && (kind.ignoreMerges ?? false) === ignoreMerges;
  return Object.keys(PRE_TOKENIZERS).find((name) => same(PRE_TOKENIZERS[name]));
}

/** The patterns of a checked pre-tokenizer that only cuts, and spells bytes at the end; else undefined. */
function patternsOf(step: unknown): string[] | undefined {
  const { type, pretokenizers, pattern, behavior, add_prefix_space, use_regex } = (step ?? {}) as Record<
    string,
    unknown
  >;
  if (type === 'ByteLevel') return add_prefix_space === true || use_regex !== false ? undefined : [];
  if (type === 'Split') {
    const { Regex } = pattern as { Regex?: unknown };
    return typeof Regex === 'string' && behavior === 'Isolated' ? [Regex] : undefined;
  }
  if (type !== 'Sequence' || !Array.isArray(pretokenizers)) return undefined;
  const parts = pretokenizers.map(patternsOf);
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** ggml's token types that matter: 3 control (special), 4 added by the user of the tokenizer. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** The tokenizer in a GGUF file's metadata. Throws a UserError that names the key. */
export function ggufTokenizerSource(gguf: GgufFile, vocabulary: number): TokenizerSource {
  const { path, metadata } = gguf;
  const model = metadata.get('tokenizer.ggml.model');
  if (model !== 'gpt2') {
    throw new UserError(
      `${path}: tokenizer.ggml.model is ${named(model)}; Palate reads byte-level BPE tokenizers ("gpt2"). Use the model's Hugging Face folder instead, which has a tokenizer.json.`,
    );
  }
  const pre = metadata.get('tokenizer.ggml.pre');
  if (typeof pre !== 'string' || !Object.hasOwn(PRE_TOKENIZERS, pre)) {
    throw new UserError(
      `${path}: tokenizer.ggml.pre is ${named(pre)}, a way of cutting text that Palate does not know; known are ${Object.keys(PRE_TOKENIZERS).join(', ')}. Use the model's Hugging Face folder instead: its tokenizer.json says it in full.`,
    );
  }
  const tokens = strings(gguf, 'tokenizer.ggml.tokens');
  const kind = PRE_TOKENIZERS[pre];
  const tokenOf = (key: string) => namedToken(gguf, tokens, key);
  return {
    where: path,
    json: ggufTokenizerJson(gguf, kind, tokens),
    vocabulary,
    chatTemplate: optionalText(gguf, 'tokenizer.chat_template'),
    namedTokens: definedOnly({
      bos_token: tokenOf('bos'),
      eos_token: tokenOf('eos'),
      unk_token: tokenOf('unknown'),
      pad_token: tokenOf('padding'),
    }),
    addBos: flag(gguf, 'tokenizer.ggml.add_bos_token') ?? kind.addBos ?? false,
    addEos: flag(gguf, 'tokenizer.ggml.add_eos_token') ?? false,
    endIds: ['eos', 'eot', 'eom'].flatMap((name) => tokenId(gguf, tokens, name) ?? []),
  };
}

function ggufTokenizerJson(gguf: GgufFile, kind: PreTokenizer, tokens: readonly string[]): unknown {
  const types = gguf.metadata.get('tokenizer.ggml.token_type');
  if (types !== undefined && (!Array.isArray(types) || types.length !== tokens.length)) {
    throw new UserError(
      `${gguf.path}: tokenizer.ggml.token_type does not have one entry for each of the ${tokens.length} tokens.`,
    );
  }
  const vocab = Object.create(null) as Record<string, number>;
  const added: unknown[] = [];
  tokens.forEach((content, id) => {
    if (content in vocab) throw new UserError(`${gguf.path}: tokenizer.ggml.tokens has ${quoted(content)} twice.`);
    vocab[content] = id;
    const type = types?.[id];
    if (type === CONTROL || type === USER_DEFINED)
      added.push({ id, content, special: type === CONTROL, normalized: false });
  });
  return {
    model: {
      type: 'BPE',
      vocab,
      merges: strings(gguf, 'tokenizer.ggml.merges').map(splitMerge),
      ignore_merges: kind.ignoreMerges ?? false,
    },
    normalizer: kind.normalizer ?? null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...kind.patterns.map(splitAt),
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    added_tokens: added,
  };
}

/** The tokenizer in a Hugging Face folder's files. Throws a UserError that names the file. */
export function huggingFaceTokenizerSource(folder: string, vocabulary: number): TokenizerSource {
  const where = join(folder, 'tokenizer.json');
  if (!existsSync(where)) {
    throw new UserError(
      `${folder}: there is no tokenizer.json. Save the tokenizer in its fast form: AutoTokenizer.from_pretrained(…).save_pretrained(folder).`,
    );
  }
  const json = readJson(where, 128 << 20);
  const config = optionalObject(join(folder, 'tokenizer_config.json'));
  const names = ['bos_token', 'eos_token', 'unk_token', 'pad_token'];
  const namedTokens = definedOnly(Object.fromEntries(names.map((name) => [name, tokenText(config[name])])));
  const generation = optionalObject(join(folder, 'generation_config.json')).eos_token_id;
  const declared = generation ?? optionalObject(join(folder, 'config.json')).eos_token_id ?? [];
  const chatTemplate = huggingFaceTemplate(folder, config.chat_template);
  const ends = [namedTokens.eos_token, TURN_ENDS.find((token) => chatTemplate?.includes(token))];
  return {
    where,
    json,
    vocabulary,
    chatTemplate,
    namedTokens,
    addBos: typeof config.add_bos_token === 'boolean' ? config.add_bos_token : undefined,
    addEos: typeof config.add_eos_token === 'boolean' ? config.add_eos_token : undefined,
    endIds: [
      ...ends.flatMap((token) => idOfToken(json, token) ?? []),
      ...((Array.isArray(declared) ? declared : [declared]) as number[]),
    ],
  };
}

/** Tokens that end an answer where a template writes them, though Gemma's first configurations do not say so. */
const TURN_ENDS = ['<end_of_turn>'];

/** chat_template.jinja wins; else the template of tokenizer_config.json, or of several the one called "default". */
function huggingFaceTemplate(folder: string, value: unknown): string | undefined {
  const file = join(folder, 'chat_template.jinja');
  if (existsSync(file)) return readText(file, 1 << 20);
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const chosen = value.find((entry) => entry?.name === 'default')?.template;
  return typeof chosen === 'string' ? chosen : undefined;
}

function optionalObject(path: string): Record<string, unknown> {
  if (!existsSync(path)) return {};
  const value = readJson(path, 16 << 20);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError(`${path} is not a JSON object.`);
  return value as Record<string, unknown>;
}

/** A special token in tokenizer_config.json is a text or an object with a "content". */
function tokenText(value: unknown): string | undefined {
  const text = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
  return typeof text === 'string' ? text : undefined;
}

function idOfToken(json: unknown, token: string | undefined): number | undefined {
  if (token === undefined) return undefined;
  const { added_tokens: added, model } = (json ?? {}) as {
    added_tokens?: unknown;
    model?: { vocab?: Record<string, number> };
  };
  const entry = Array.isArray(added) ? added.find((candidate) => candidate?.content === token) : undefined;
  const id = entry?.id ?? (model?.vocab && Object.hasOwn(model.vocab, token) ? model.vocab[token] : undefined);
  return typeof id === 'number' ? id : undefined;
}

function strings({ path, metadata }: GgufFile, key: string): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
    throw new UserError(`${path}: ${key} is ${value === undefined ? 'missing' : 'not a list of strings'}.`);
  }
  return value as readonly string[];
}

function optionalText({ path, metadata }: GgufFile, key: string): string | undefined {
  const value = metadata.get(key);
  if (value !== undefined && typeof value !== 'string') throw new UserError(`${path}: ${key} is not a text.`);
  return value;
}

function flag({ path, metadata }: GgufFile, key: string): boolean | undefined {
  const value = metadata.get(key);
  if (value !== undefined && typeof value !== 'boolean')
    throw new UserError(`${path}: ${key} is neither true nor false.`);
  return value;
}

function tokenId({ path, metadata }: GgufFile, tokens: readonly string[], name: string): number | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value < tokens.length)) {
    throw new UserError(`${path}: ${key} is ${named(value)}; it must be one of the ${tokens.length} tokens.`);
  }
  return value;
}

function namedToken(gguf: GgufFile, tokens: readonly string[], name: string): string | undefined {
  const id = tokenId(gguf, tokens, name);
  return id === undefined ? undefined : tokens[id];
}

function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function named(value: GgufValue | undefined): string {
  return value === undefined ? 'missing' : Array.isArray(value) ? 'a list' : listed([quoted(String(value))]);
}
