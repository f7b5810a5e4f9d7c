/** Trains a byte-level BPE tokenizer and lays it out as the files of a Hugging Face folder. */

/** In the order of their ids, 0 to 2. The last ends every answer. */
export const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

export interface BytePairs {
  /** Token → id: the special tokens are not among them, but their ids are left free. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The pairs of tokens that were joined, the first first. */
  readonly merges: readonly (readonly [string, string])[];
}

/** GPT-2's pre-tokenizer: pieces that no token crosses. */
const pieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/**
 * Learns byte pairs from texts until the vocabulary, special tokens included, has `size` entries. Ids: the special
 * tokens, the 256 bytes, then the merges in order. Equal counts are settled by the pair's text, so that the same texts
 * give the same tokenizer on every machine. Throws a RangeError where the texts hold too few different pairs.
 *
 * Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016.
 */
export function trainBytePairs(texts: Iterable<string>, size: number): BytePairs {
  const words = countWords(texts);
  const vocabulary = new Map([...byteAlphabet].map((letter, byte) => [letter, specialTokens.length + byte]));
  const merges: [string, string][] = [];
  while (vocabulary.size + specialTokens.length < size) {
    const pair = mostFrequentPair(words);
    if (!pair) {
      throw new RangeError(`The texts give ${vocabulary.size + specialTokens.length} tokens; ${size} were asked for.`);
    }
    merges.push(pair);
    vocabulary.set(pair.join(''), specialTokens.length + vocabulary.size);
    for (const word of words) joinPair(word, pair);
  }
  return { vocabulary, merges };
}

interface Word {
  tokens: string[];
  readonly count: number;
}

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.matchAll(pieces)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  return [...counts].map(([piece, count]) => ({
    tokens: Array.from(Buffer.from(piece), (byte) => byteAlphabet[byte]),
    count,
  }));
}

/** A pair that comes once only is not worth a token. */
function mostFrequentPair(words: readonly Word[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { tokens, count } of words) {
    for (let at = 0; at + 1 < tokens.length; at++) {
      const key = `${tokens[at]} ${tokens[at + 1]}`;
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let [best, most] = ['', 1];
  for (const [key, count] of counts)
    if (count > most || (count === most && count > 1 && key < best)) [best, most] = [key, count];
  return best === '' ? undefined : (best.split(' ') as [string, string]);
}

function joinPair(word: Word, [left, right]: readonly [string, string]): void {
  const joined: string[] = [];
  for (let at = 0; at < word.tokens.length; at++) {
    const matches = word.tokens[at] === left && word.tokens[at + 1] === right;
    joined.push(matches ? left + right : word.tokens[at]);
    if (matches) at += 1;
  }
  word.tokens = joined;
}

/** The character that spells each byte in a byte-level vocabulary: itself where it prints, else one from U+0100 on. */
export const byteAlphabet: readonly string[] = (() => {
  let next = 256;
  const prints = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
})();

/** The content of a tokenizer.json that Transformers and @huggingface/tokenizers read. */
export function tokenizerJson({ vocabulary, merges }: BytePairs): Record<string, unknown> {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const special = specialTokens.map((content, id) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  }));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
      vocab: Object.fromEntries([...specialTokens.map((token, id) => [token, id]), ...vocabulary]),
      merges,
    },
  };
}

/** ChatML: one block a turn, opened by the role's name. */
export const chatTemplate = [
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}",
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join('');

/** The content of tokenizer_config.json. */
export function tokenizerConfig(maxPositions: number): Record<string, unknown> {
  const [, start, end] = specialTokens;
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: start,
    eos_token: end,
    pad_token: end,
    add_bos_token: false,
    add_eos_token: false,
    clean_up_tokenization_spaces: false,
    model_max_length: maxPositions,
    chat_template: chatTemplate,
  };
}
