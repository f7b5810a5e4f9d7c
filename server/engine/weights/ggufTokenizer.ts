import { UserError } from '../../errors.ts';
import { listed, quoted } from './files.ts';
import { ggufEntry } from './ggufWriter.ts';
import { tokenizerContent } from './tokenizer.ts';
import type { TokenizerJson } from './tokenizerJson.ts';
import { preTokenizerName } from './tokenizerSources.ts';
import type { Tokenizer } from './types.ts';

/** llama.cpp's numbers for kinds of tokens. */
const KINDS = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/**
 * The tokenizer as GGUF metadata, for a model with `vocabulary` rows. Throws a UserError where llama.cpp would cut text
 * differently, or Palate does not know how it would.
 */
export function tokenizerEntries(tokenizer: Tokenizer, vocabulary: number): Uint8Array[] {
  const { where, json, namedTokens, chatTemplate, prefix, suffix } = tokenizerContent(tokenizer);
  const fail = (what: string): never => {
    throw new UserError(
      `${where}: ${what}, which Palate cannot write into a GGUF file. Export as safetensors, and convert the folder with llama.cpp's convert_hf_to_gguf.py.`,
    );
  };
  const pre = preTokenizerName(json);
  if (pre === undefined) return fail('the tokenizer cuts text in a way that has no name in llama.cpp');
  const { texts, kinds, idOf } = tokenList(json, vocabulary);
  const merges = json.model.merges.map((pair) => pair.join(' '));
  if (json.model.merges.some((pair) => pair.some((token) => token.includes(' ')))) return fail('a merge has a space');
  const named = (name: string) => (namedTokens[name] === undefined ? undefined : idOf.get(namedTokens[name]));
  const bos = named('bos_token');
  const eos = named('eos_token') ?? tokenizer.endIds[0];
  const strange = [...prefix.filter((id) => id !== bos), ...suffix.filter((id) => id !== eos)];
  if (strange.length > 0 || prefix.length > 1 || suffix.length > 1) {
    return fail(`the tokenizer puts ${listed(strange.map((id) => quoted(texts[id])))} around every text`);
  }
  const [eot, eom] = tokenizer.endIds.filter((id) => id !== eos);
  const ids = { bos, eos, eot, eom, unknown: named('unk_token'), padding: named('pad_token') };
  return [
    ggufEntry('tokenizer.ggml.model', 'string', 'gpt2'),
    ggufEntry('tokenizer.ggml.pre', 'string', pre),
    ggufEntry('tokenizer.ggml.tokens', 'string', texts),
    ggufEntry('tokenizer.ggml.token_type', 'int32', kinds),
    ggufEntry('tokenizer.ggml.merges', 'string', merges),
    ...Object.entries(ids).flatMap(([name, id]) =>
      id === undefined ? [] : [ggufEntry(`tokenizer.ggml.${name}_token_id`, 'uint32', id)],
    ),
    ggufEntry('tokenizer.ggml.add_bos_token', 'bool', prefix.length > 0),
    ggufEntry('tokenizer.ggml.add_eos_token', 'bool', suffix.length > 0),
    ...(chatTemplate === undefined ? [] : [ggufEntry('tokenizer.chat_template', 'string', chatTemplate)]),
  ];
}

/** One token for each row of the model: rows without one get a name that no text spells. */
function tokenList({ model, added_tokens: added }: TokenizerJson, vocabulary: number) {
  const texts = Array.from({ length: vocabulary }, (_, id) => `[PAD${id}]`);
  const kinds = new Array<number>(vocabulary).fill(KINDS.unused);
  const idOf = new Map<string, number>();
  const put = (content: string, id: number, kind: number) => {
    texts[id] = content;
    kinds[id] = kind;
    idOf.set(content, id);
  };
  for (const [content, id] of Object.entries(model.vocab)) put(content, id, KINDS.normal);
  for (const { content, id, special } of added) put(content, id, special ? KINDS.control : KINDS.userDefined);
  return { texts, kinds, idOf };
}
