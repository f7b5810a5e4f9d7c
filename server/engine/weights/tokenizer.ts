import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { UserError } from '../../errors.ts';
import { type ChatTemplate, compileChatTemplate } from './chatTemplate.ts';
import { escaped, quoted, shown } from './files.ts';
import { checkTokenizerJson, isByteLevel, type TokenizerJson } from './tokenizerJson.ts';
import { PatternGuard } from './tokenizerPatterns.ts';
import type { ChatMessage, Tokenizer } from './types.ts';

/** What a tokenizer is made of, whether it came from a GGUF file or from a Hugging Face folder. */
export interface TokenizerSource {
  /** The file to name in messages. */
  readonly where: string;
  /** The parsed tokenizer.json, or one of the same form. */
  readonly json: unknown;
  /** Rows of the model's embedding: every id must be below. */
  readonly vocabulary: number;
  readonly chatTemplate?: string;
  /** Named special tokens for the template: bos_token, eos_token, … */
  readonly namedTokens: Readonly<Record<string, string>>;
  /** What the metadata says about BOS and EOS around plain text; undefined leaves it to the post-processor. */
  readonly addBos?: boolean;
  readonly addEos?: boolean;
  /** Candidates for ids that end an answer, the likeliest first. */
  readonly endIds: readonly number[];
}

/** Builds the tokenizer. Throws a UserError where the source is damaged, or uses what is not supported. */
export function createTokenizer(source: TokenizerSource): Tokenizer {
  try {
    return new ModelTokenizer(source);
  } catch (error) {
    // The library reads its input without checking every part of it.
    if (error instanceof UserError) throw error;
    throw new UserError(`${source.where}: the tokenizer cannot be built: ${escaped((error as Error).message)}.`, {
      cause: error,
    });
  }
}

/** The files that make the same tokenizer again in a Hugging Face folder: name → content. */
export function tokenizerFiles(tokenizer: Tokenizer): Map<string, string> {
  if (!(tokenizer instanceof ModelTokenizer))
    throw new Error('tokenizerFiles: not a tokenizer that was read from a model.');
  return tokenizer.files();
}

/** What a tokenizer that was read from a model is made of, checked. */
export interface TokenizerContent extends Pick<TokenizerSource, 'where' | 'namedTokens' | 'chatTemplate'> {
  readonly json: TokenizerJson;
  /** Ids before and after every plain text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

export function tokenizerContent(tokenizer: Tokenizer): TokenizerContent {
  if (!(tokenizer instanceof ModelTokenizer))
    throw new Error('tokenizerContent: not a tokenizer that was read from a model.');
  return tokenizer.content();
}

class ModelTokenizer implements Tokenizer {
  readonly endIds: readonly number[];
  readonly size: number;
  private readonly source: TokenizerSource;
  private readonly json: TokenizerJson;
  private readonly library: LibraryTokenizer;
  private readonly patterns: PatternGuard;
  private readonly template: ChatTemplate | undefined;
  private readonly specialIds: ReadonlySet<number>;
  /** The bytes of each id's text, where the decoder is byte-level; otherwise the library decodes. */
  private readonly bytesOfId: ((id: number) => Uint8Array | undefined) | undefined;
  private readonly prefix: readonly number[];
  private readonly suffix: readonly number[];

  constructor(source: TokenizerSource) {
    this.source = source;
    this.json = checkTokenizerJson(source.where, source.json, source.vocabulary);
    this.library = new LibraryTokenizer(this.json, { clean_up_tokenization_spaces: false });
    this.patterns = new PatternGuard(source.where, this.json);
    this.patterns.probe((text) => this.library.encode(text));
    const ids = [...Object.values(this.json.model.vocab), ...this.json.added_tokens.map(({ id }) => id)];
    this.size = ids.reduce((most, id) => Math.max(most, id + 1), 0);
    this.specialIds = new Set(this.json.added_tokens.filter(({ special }) => special).map(({ id }) => id));
    this.bytesOfId = isByteLevel(this.json.decoder) ? tokenBytes(this.json) : undefined;
    this.template =
      source.chatTemplate === undefined ? undefined : compileChatTemplate(source.where, source.chatTemplate);
    const around = surroundingIds(this.library, source);
    this.prefix = around.prefix;
    this.suffix = around.suffix;
    this.endIds = this.orderedEndIds();
  }

  get hasChatTemplate(): boolean {
    return this.template !== undefined;
  }

  encode(text: string): number[] {
    return [...this.prefix, ...this.encodePlain(text), ...this.suffix];
  }

  decode(ids: readonly number[]): string {
    const kept = ids.filter((id) => !this.specialIds.has(id));
    if (kept.length === 0) return '';
    const table = this.bytesOfId;
    if (!table) {
      const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
      return this.patterns.run(kept.length, () => this.library.decode([...kept], options));
    }
    const pieces = kept.map((id) => table(id) ?? new Uint8Array());
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces));
  }

  encodeChat(messages: readonly ChatMessage[], options: { readonly generationPrompt: boolean }): number[] {
    if (!this.template) {
      throw new UserError(
        `${this.source.where}: the model has no chat template, so it cannot be given messages. Use a model made for chatting ("instruct"), or plain prompts.`,
      );
    }
    return this.encodePlain(this.template.render(messages, { ...options, namedTokens: this.source.namedTokens }));
  }

  content(): TokenizerContent {
    const { json, prefix, suffix } = this;
    return { ...this.source, json, prefix, suffix };
  }

  files(): Map<string, string> {
    const { namedTokens, chatTemplate, addBos, addEos } = this.source;
    const config = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      ...namedTokens,
      ...(addBos === undefined ? {} : { add_bos_token: addBos }),
      ...(addEos === undefined ? {} : { add_eos_token: addEos }),
      clean_up_tokenization_spaces: false,
      ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
    };
    const tokenizer = { version: '1.0', truncation: null, padding: null, ...this.json };
    return new Map([
      ['tokenizer.json', JSON.stringify(tokenizer)],
      ['tokenizer_config.json', `${JSON.stringify(config, null, 2)}\n`],
      ['generation_config.json', `${JSON.stringify({ eos_token_id: this.endIds }, null, 2)}\n`],
    ]);
  }

  private encodePlain(text: string): number[] {
    if (text === '') return [];
    const { ids } = this.patterns.run(text.length, () => this.library.encode(text, { add_special_tokens: false }));
    if ((ids as (number | undefined)[]).includes(undefined))
      throw new UserError(`${this.source.where}: the tokenizer has no token for a part of ${quoted(text)}.`);
    return ids;
  }

  /** The end token that the template writes after an answer comes first: it is the one to train on. */
  private orderedEndIds(): readonly number[] {
    const { where, endIds, vocabulary } = this.source;
    const candidates = [...new Set(endIds)];
    if (candidates.length === 0)
      throw new UserError(`${where}: the model does not say which token ends an answer (eos_token_id).`);
    const strange = candidates.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (strange !== undefined)
      throw new UserError(`${where}: eos_token_id ${shown(strange)} is not a row of the model.`);
    const written = this.endIdOfTemplate(new Set(candidates));
    return written === undefined ? candidates : [written, ...candidates.filter((id) => id !== written)];
  }

  private endIdOfTemplate(candidates: ReadonlySet<number>): number | undefined {
    if (!this.template) return undefined;
    try {
      const example = [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ];
      return this.encodeChat(example, { generationPrompt: false }).findLast((id) => candidates.has(id));
    } catch {
      return undefined; // A template that cannot render this says so when it is used.
    }
  }
}

/** The ids that go before and after plain text: the post-processor's, as corrected by the metadata. */
function surroundingIds(library: LibraryTokenizer, source: TokenizerSource): { prefix: number[]; suffix: number[] } {
  const bare = library.encode('a', { add_special_tokens: false }).ids;
  const full = library.encode('a', { add_special_tokens: true }).ids;
  const at = full.findIndex((_, start) => bare.every((id, offset) => full[start + offset] === id));
  let prefix = at > 0 ? full.slice(0, at) : [];
  let suffix = at >= 0 ? full.slice(at + bare.length) : [];
  const bos = idOf(library, source.namedTokens.bos_token);
  const eos = idOf(library, source.namedTokens.eos_token);
  if (source.addBos === false) prefix = prefix.filter((id) => id !== bos);
  if (source.addBos === true && bos !== undefined && prefix[0] !== bos) prefix = [bos, ...prefix];
  if (source.addEos === false) suffix = suffix.filter((id) => id !== eos);
  if (source.addEos === true && eos !== undefined && suffix.at(-1) !== eos) suffix = [...suffix, eos];
  return { prefix, suffix };
}

function idOf(library: LibraryTokenizer, token: string | undefined): number | undefined {
  return token === undefined ? undefined : library.token_to_id(token);
}

/**
 * The bytes of a token: an added token stands for its own text, any other for the bytes that GPT-2's alphabet spells
 * (printable characters for themselves, the rest from U+0100 on), or for its text where it is not spelt so.
 */
function tokenBytes(json: TokenizerJson): (id: number) => Uint8Array | undefined {
  const byteOf = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    byteOf.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  const spelt: (string | undefined)[] = [];
  for (const token in json.model.vocab) spelt[json.model.vocab[token]] = token;
  const table = new Map<number, Uint8Array>();
  for (const { id, content } of json.added_tokens) table.set(id, Buffer.from(content));
  // Few tokens of a vocabulary are ever met: each is spelt out when it is.
  return (id) => {
    const known = table.get(id);
    const token = known === undefined ? spelt[id] : undefined;
    if (token === undefined) return known;
    const bytes = Array.from(token, (character) => byteOf.get(character));
    const result = bytes.includes(undefined) ? Buffer.from(token) : Uint8Array.from(bytes as number[]);
    table.set(id, result);
    return result;
  };
}
