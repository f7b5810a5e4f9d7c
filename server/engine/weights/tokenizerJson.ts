import { UserError } from '../../errors.ts';
import { count, quoted, shown } from './files.ts';

/**
 * Checks a tokenizer.json before @huggingface/tokenizers sees it, and rewrites the parts in which that library differs
 * from Hugging Face's Rust tokenizers: its \s and \d are JavaScript's, not Unicode's.
 */
export interface TokenizerJson {
  readonly model: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly post_processor: unknown;
  readonly decoder: unknown;
  readonly added_tokens: readonly AddedToken[];
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** GPT-2's pattern for words, as in the Rust ByteLevel pre-tokenizer. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Pieces that end with a space, or at the end of the text. */
export const SPACES_END = '[^ ]+ ?| ';
/** Pieces that begin with spaces as SentencePiece spells them, or at the start of the text. */
export const SPACES_BEGIN = '\u2581+[^\u2581]*|[^\u2581]+';

type JsonObject = Record<string, unknown>;

/**
 * The checked and rewritten form of a parsed tokenizer.json whose ids must stay below `vocabulary`. Throws a UserError
 * that names `where` and the key.
 */
export function checkTokenizerJson(where: string, json: unknown, vocabulary: number): TokenizerJson {
  const root = object(where, 'the file', json);
  const model = object(where, 'model', root.model);
  if (model.type !== undefined && model.type !== 'BPE') {
    throw new UserError(`${where}: model.type is ${shown(model.type)}; Palate reads BPE tokenizers.`);
  }
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model[key] !== undefined && model[key] !== null && model[key] !== '') {
      throw new UserError(`${where}: model.${key} is ${shown(model[key])}; Palate reads tokenizers without one.`);
    }
  }
  const vocab = checkVocabulary(where, model.vocab, vocabulary);
  const added = checkAddedTokens(where, root.added_tokens ?? [], vocabulary);
  const merges = checkMerges(where, model.merges, vocab, added);
  return {
    model: { ...model, type: 'BPE', vocab, merges },
    normalizer: checkSteps(where, 'normalizer', root.normalizer),
    pre_tokenizer: withPieces(rewritePreTokenizer(where, root.pre_tokenizer ?? null), merges),
    post_processor: root.post_processor ?? null,
    decoder: checkSteps(where, 'decoder', root.decoder),
    added_tokens: added,
  };
}

function checkVocabulary(where: string, value: unknown, vocabulary: number): Record<string, number> {
  const vocab = object(where, 'model.vocab', value);
  const seen = new Uint8Array(vocabulary);
  for (const token of Object.keys(vocab)) {
    const id = vocab[token];
    checkId(where, () => `model.vocab: ${quoted(token)}`, id, vocabulary);
    if (seen[id as number])
      throw new UserError(`${where}: model.vocab: the id ${id} is given to two tokens, ${quoted(token)} among them.`);
    seen[id as number] = 1;
  }
  // A token may have a name that every object knows. To copy all of them would take a while.
  return Object.setPrototypeOf(vocab, null);
}

/** The text models of Gemma 3 share a tokenizer with those that read pictures, and have no row for this token. */
const PICTURE_TOKEN = '<image_soft_token>';

function checkAddedTokens(where: string, value: unknown, vocabulary: number): AddedToken[] {
  if (!Array.isArray(value)) throw new UserError(`${where}: added_tokens is not a list.`);
  const ofText = value.filter((entry) => !(entry?.content === PICTURE_TOKEN && entry.id >= vocabulary));
  return ofText.map((entry, index) => {
    const token = object(where, `added_tokens[${index}]`, entry);
    if (typeof token.content !== 'string' || token.content === '') {
      throw new UserError(`${where}: added_tokens[${index}].content is not a text of at least one character.`);
    }
    checkId(where, () => `added_tokens[${index}] ${quoted(token.content as string)}`, token.id, vocabulary);
    if (token.single_word === true) {
      throw new UserError(`${where}: added_tokens[${index}]: single_word is not supported.`);
    }
    const special = token.special === true;
    return {
      id: token.id as number,
      content: token.content,
      special,
      normalized: typeof token.normalized === 'boolean' ? token.normalized : !special,
      single_word: false,
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
    };
  });
}

function checkMerges(
  where: string,
  value: unknown,
  vocab: Readonly<Record<string, number>>,
  added: readonly AddedToken[],
): [string, string][] {
  if (!Array.isArray(value)) throw new UserError(`${where}: model.merges is not a list.`);
  const known = new Set(added.map(({ content }) => content));
  const has = (token: string) => token in vocab || known.has(token);
  return value.map((merge, index) => {
    const pair = typeof merge === 'string' ? splitMerge(merge) : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') {
      throw new UserError(`${where}: model.merges[${index}] is ${shown(merge)}; two tokens are expected.`);
    }
    const missing = [pair[0], pair[1], pair[0] + pair[1]].find((token) => !has(token));
    if (missing !== undefined)
      throw new UserError(
        `${where}: model.merges[${index}] needs the token ${quoted(missing)}, which the vocabulary does not have.`,
      );
    return [pair[0], pair[1]];
  });
}

/** "Ġ t" → ["Ġ", "t"]: the space that parts the two is never the first character. */
export function splitMerge(merge: string): string[] {
  const space = merge.indexOf(' ', 1);
  return space < 0 ? [merge] : [merge.slice(0, space), merge.slice(space + 1)];
}

/** The same pre-tokenizer in terms of Split, whose patterns the library translates faithfully. */
function rewritePreTokenizer(where: string, value: unknown): unknown {
  if (value === null) return null;
  const step = object(where, 'pre_tokenizer', value);
  switch (step.type) {
    case 'Sequence': {
      if (!Array.isArray(step.pretokenizers))
        throw new UserError(`${where}: pre_tokenizer.pretokenizers is not a list.`);
      return { ...step, pretokenizers: step.pretokenizers.map((inner) => rewritePreTokenizer(where, inner)) };
    }
    case 'ByteLevel':
      if (step.use_regex === false || step.add_prefix_space === true) return step;
      return {
        type: 'Sequence',
        pretokenizers: [splitAt(GPT2_PATTERN), { ...step, add_prefix_space: false, use_regex: false }],
      };
    case 'Digits':
      return splitAt(step.individual_digits === true ? '\\p{N}' : '\\p{N}+');
    case 'Split':
      return rewriteSplit(where, step);
    case 'Metaspace':
      return step;
    default:
      throw new UserError(
        `${where}: pre_tokenizer: the type ${shown(step.type)} is not supported; ByteLevel, Digits, Metaspace, Sequence and Split are.`,
      );
  }
}

function rewriteSplit(where: string, step: JsonObject): JsonObject {
  checkPattern(where, 'pre_tokenizer: Split', step.pattern);
  if (step.behavior === 'Isolated') return { ...step, invert: false };
  // Gemma's: each space ends a piece. The library knows the behaviour, and does it otherwise.
  const isSpace = (step.pattern as JsonObject).String === ' ' && step.invert !== true;
  if (step.behavior === 'MergedWithPrevious' && isSpace) return splitAt(SPACES_END);
  if (step.behavior === 'Removed') return step;
  throw new UserError(
    `${where}: pre_tokenizer: Split with the behaviour ${shown(step.behavior)} is not supported; "Isolated" and "Removed" are.`,
  );
}

/**
 * Gemma merges over a whole text at once, which takes long and cannot be remembered. Where no merge reaches from a
 * character into a space after it, pieces cut there are merged to the same tokens.
 */
function withPieces(step: unknown, merges: TokenizerJson['model']['merges']): unknown {
  const isGemmas = (step as { pattern?: { Regex?: unknown } } | null)?.pattern?.Regex === SPACES_END;
  const reaches = ([left, right]: readonly [string, string]) => /[^\u2581]\u2581/.test(left + right);
  return isGemmas && !merges.some(reaches) ? { type: 'Sequence', pretokenizers: [step, splitAt(SPACES_BEGIN)] } : step;
}

/** Steps of a normalizer or a decoder: only those that the library does as the Rust tokenizers do. */
function checkSteps(where: string, part: 'normalizer' | 'decoder', value: unknown): unknown {
  if (value === null || value === undefined) return null;
  const step = object(where, part, value);
  if (!STEPS[part].includes(step.type)) {
    throw new UserError(
      `${where}: ${part}: the type ${shown(step.type)} is not supported; ${STEPS[part].join(', ')} are.`,
    );
  }
  if (step.type === 'Replace') {
    checkPattern(where, `${part}: Replace`, step.pattern);
    if (typeof step.content !== 'string') throw new UserError(`${where}: ${part}: Replace has no "content".`);
  }
  if (step.type === 'Sequence') {
    const inner = part === 'normalizer' ? step.normalizers : step.decoders;
    if (!Array.isArray(inner)) throw new UserError(`${where}: ${part}: Sequence has no list of steps.`);
    for (const next of inner) checkSteps(where, part, next);
  }
  return step;
}

const STEPS: Readonly<Record<'normalizer' | 'decoder', readonly unknown[]>> = {
  normalizer: ['Lowercase', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Prepend', 'Replace', 'Sequence', 'Strip', 'StripAccents'],
  decoder: ['ByteFallback', 'ByteLevel', 'Fuse', 'Metaspace', 'Replace', 'Sequence', 'Strip'],
};

function checkPattern(where: string, field: string, value: unknown): void {
  const pattern = object(where, `${field}: pattern`, value);
  if (typeof pattern.Regex !== 'string' && typeof pattern.String !== 'string') {
    throw new UserError(
      `${where}: ${field}: the pattern is ${shown(value)}; {"Regex": …} or {"String": …} is expected.`,
    );
  }
}

/** A Split step that makes every match a piece of its own and keeps what lies between. */
export function splitAt(pattern: string): JsonObject {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

function checkId(where: string, field: () => string, id: unknown, vocabulary: number): void {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabulary) {
    throw new UserError(
      `${where}: ${field()} has the id ${shown(id)}; the model has rows 0 to ${count(vocabulary - 1)}.`,
    );
  }
}

function object(where: string, field: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError(`${where}: ${field} is not an object.`);
  return value as JsonObject;
}

/** Whether the decoder joins the bytes that tokens spell in GPT-2's alphabet. */
export function isByteLevel(decoder: unknown): boolean {
  const step = decoder as { type?: unknown; decoders?: unknown } | null;
  if (step?.type === 'Sequence')
    return Array.isArray(step.decoders) && step.decoders.length === 1 && isByteLevel(step.decoders[0]);
  return step?.type === 'ByteLevel';
}
