import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GgufValue, readGguf } from '../../../../server/engine/weights/gguf.ts';
import { createTokenizer } from '../../../../server/engine/weights/tokenizer.ts';
import { ggufTokenizerSource, huggingFaceTokenizerSource } from '../../../../server/engine/weights/tokenizerSources.ts';
import type { Tokenizer } from '../../../../server/engine/weights/types.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { ggufBytes, type Metadata, memoryFile, smallMetadata, smallTokenizerJson, smallTokens } from './builders.ts';
import { type FolderChanges, writeModelFolder } from './modelFolder.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);
const ids = (text: string) => [...Buffer.from(text)].map((byte) => 3 + byte);
const user = (content: string) => [{ role: 'user', content }];

function fromGguf(...changes: Metadata): Tokenizer {
  const kept = smallMetadata().filter(([key]) => !changes.some(([changed]) => changed === key));
  const bytes = ggufBytes([...kept, ...changes.filter(([, , value]) => value !== undefined)], []);
  return createTokenizer(ggufTokenizerSource(readGguf(memoryFile(bytes)), smallTokens.length));
}
const U32 = 4;
const BOOL = 7;
const STRING = 8;

describe('tokenizer', () => {
  const folder = temporaryFolder();
  const fromFolder = (changes: FolderChanges = {}, extra: Record<string, string> = {}): Tokenizer => {
    const path = writeModelFolder(join(folder.path, 'model'), changes);
    for (const name of ['generation_config.json', 'chat_template.jinja']) {
      rmSync(join(path, name), { force: true });
      if (extra[name]) writeFileSync(join(path, name), extra[name]);
    }
    return createTokenizer(huggingFaceTokenizerSource(path, smallTokens.length));
  };
  const withTokenizer = (tokenizer: Record<string, unknown>) => fromFolder({ tokenizer });
  const withModel = (model: Record<string, unknown>) =>
    withTokenizer({ model: { ...(smallTokenizerJson().model as object), ...model } });

  it('merges by rank, and takes special tokens in the text as tokens', () => {
    for (const tokenizer of [fromGguf(), fromFolder()]) {
      assert.deepEqual(tokenizer.encode('hello'), [260, ...ids('lo')]);
      assert.deepEqual(tokenizer.encode(' ho'), [261, ...ids('o')]);
      assert.deepEqual(tokenizer.encode('a<s>b</s><think>'), [...ids('a'), 0, ...ids('b'), 1, 2]);
      assert.deepEqual(tokenizer.encode(''), []);
      assert.equal(tokenizer.size, smallTokens.length);
    }
  });

  it('decodes without special tokens, with those that are only added', () => {
    for (const tokenizer of [fromGguf(), fromFolder()]) {
      assert.equal(tokenizer.decode([0, 260, ...ids('lo'), 2, 1]), 'hello<think>');
      assert.equal(tokenizer.decode([]), '');
      assert.equal(tokenizer.decode([0, 1]), '');
      const text = 'zwölf 数 🙂\u0000\ufeff  \r\n\t .';
      for (const each of [text, '\ufeffstart']) assert.equal(tokenizer.decode(tokenizer.encode(each)), each);
    }
  });

  it('decodes half a character as U+FFFD, and joins halves across tokens', () => {
    const tokenizer = fromGguf();
    const smile = ids('🙂');
    assert.equal(tokenizer.decode(smile.slice(0, 3)), '\ufffd');
    assert.equal(tokenizer.decode(smile.slice(1, 2)), '\ufffd');
    assert.equal(tokenizer.decode(smile), '🙂');
    assert.equal(
      tokenizer.decode([...smile.slice(0, 2), 1, ...smile.slice(2)]),
      '🙂',
      'a special token leaves no trace',
    );
  });

  it('knows ids of the model that the tokenizer has no token for', () => {
    assert.equal(createTokenizer({ ...sourceOf(), vocabulary: 400 }).decode([...ids('a'), 399, ...ids('b')]), 'ab');
  });

  it('adds BOS and EOS only where the metadata says so', () => {
    const template = (single: unknown) => ({
      post_processor: { type: 'TemplateProcessing', single, pair: [], special_tokens: {} },
    });
    const bos = { SpecialToken: { id: '<s>', type_id: 0 } };
    const text = { Sequence: { id: 'A', type_id: 0 } };
    const eos = { SpecialToken: { id: '</s>', type_id: 0 } };
    const a = ids('a');
    assert.deepEqual(fromGguf().encode('a'), a);
    assert.deepEqual(fromGguf(['tokenizer.ggml.add_bos_token', BOOL, undefined]).encode('a'), a);
    assert.deepEqual(fromGguf(['tokenizer.ggml.add_bos_token', BOOL, true]).encode('a'), [0, ...a]);
    assert.deepEqual(fromGguf(['tokenizer.ggml.add_eos_token', BOOL, true]).encode('a'), [...a, 1]);
    assert.deepEqual(fromFolder().encode('a'), a);
    assert.deepEqual(withTokenizer(template([bos, text, eos])).encode('a'), [0, ...a, 1]);
    assert.deepEqual(withTokenizer(template([bos, text])).encode(''), [0]);
    assert.deepEqual(
      fromFolder({ tokenizer: template([bos, text]), tokenizerConfig: { add_bos_token: false } }).encode('a'),
      a,
    );
    assert.deepEqual(
      fromFolder({ tokenizer: template([bos, text]), tokenizerConfig: { add_bos_token: true } }).encode('a'),
      [0, ...a],
    );
    assert.deepEqual(fromFolder({ tokenizerConfig: { add_bos_token: true, add_eos_token: true } }).encode('a'), [
      0,
      ...a,
      1,
    ]);
    const llama3 = fromGguf(
      ['tokenizer.ggml.add_bos_token', BOOL, undefined],
      ['tokenizer.ggml.pre', STRING, 'llama-bpe'],
    );
    assert.deepEqual(llama3.encode('a'), [0, ...a]);
  });

  it('renders the chat template with its own special tokens, and adds none', () => {
    for (const tokenizer of [
      fromGguf(['tokenizer.ggml.add_bos_token', BOOL, true]),
      fromFolder({ tokenizerConfig: { add_bos_token: true } }),
    ]) {
      assert.equal(tokenizer.hasChatTemplate, true);
      const asked = [0, ...ids('[user]x'), 1];
      assert.deepEqual(tokenizer.encodeChat(user('x'), { generationPrompt: false }), asked);
      assert.deepEqual(tokenizer.encodeChat(user('x'), { generationPrompt: true }), [...asked, ...ids('[assistant]')]);
    }
  });

  it("keeps Transformers' template conventions", () => {
    const render = (template: string, content = 'x') =>
      fromFolder({ tokenizerConfig: { chat_template: template } }).decode(
        fromFolder({ tokenizerConfig: { chat_template: template } }).encodeChat(user(content), {
          generationPrompt: false,
        }),
      );
    assert.equal(
      render(
        '{% for m in messages %}\n  {% if m.role == "user" %}\n{{ m.content | trim }}\n  {% endif %}\n{% endfor %}',
        ' x ',
      ),
      'x\n',
    );
    assert.match(render('{{ strftime_now("%Y") }}'), /^20\d\d$/);
    assert.equal(render('{{ unknown_variable }}{{ tools is defined }}'), 'false');
    assert.throws(
      () => render('{{ raise_exception("only\nsystem") }}'),
      refused(/does not take these messages: only\\u\{a\}system/),
    );
    assert.throws(
      () => render('{% for m in messages %}{{ m.content'),
      refused(/tokenizer\.json: the chat template is broken/),
    );
    assert.throws(() => render('{{ messages[0].content.no_such_method() }}'), refused(/does not take these messages/));
  });

  it('finds the template where Transformers looks for it', () => {
    const text = (tokenizer: Tokenizer) =>
      tokenizer.decode(tokenizer.encodeChat(user('x'), { generationPrompt: false }));
    const several = [
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D' },
    ]; // prettier-ignore
    assert.equal(text(fromFolder({ tokenizerConfig: { chat_template: several } })), 'D');
    assert.equal(text(fromFolder({}, { 'chat_template.jinja': 'J' })), 'J');
    const plain = fromGguf(['tokenizer.chat_template', STRING, undefined]);
    assert.equal(plain.hasChatTemplate, false);
    assert.throws(() => plain.encodeChat(user('x'), { generationPrompt: true }), refused(/has no chat template/));
  });

  it('collects the ids that end an answer; the one that the template writes comes first', () => {
    assert.deepEqual(fromGguf().endIds, [1]);
    assert.deepEqual(
      fromGguf(['tokenizer.ggml.eos_token_id', U32, 2], ['tokenizer.ggml.eot_token_id', U32, 1]).endIds,
      [2, 1],
    );
    const written = '{% for m in messages %}{{ m.content }}</s>{% endfor %}';
    const template = ['tokenizer.chat_template', STRING, written] as const;
    assert.deepEqual(
      fromGguf(['tokenizer.ggml.eos_token_id', U32, 2], ['tokenizer.ggml.eot_token_id', U32, 1], template).endIds,
      [1, 2],
    );
    assert.deepEqual(fromFolder({ config: { eos_token_id: [2, 1] } }).endIds, [1, 2]);
    assert.deepEqual(
      fromFolder({ config: { eos_token_id: 5 } }, { 'generation_config.json': '{"eos_token_id": [2]}' }).endIds,
      [1, 2],
    );
    assert.deepEqual(fromFolder({ config: { eos_token_id: 2 }, tokenizerConfig: { eos_token: null } }).endIds, [2]);
    assert.throws(
      () => fromGguf(['tokenizer.ggml.eos_token_id', U32, undefined]),
      refused(/does not say which token ends an answer/),
    );
    assert.throws(
      () => fromGguf(['tokenizer.ggml.eos_token_id', U32, 262]),
      refused(/eos_token_id is "262"; it must be one of the 262 tokens/),
    );
    assert.throws(() => fromFolder({ config: { eos_token_id: 'x' } }), refused(/eos_token_id "x" is not a row/));
  });

  it('splits numbers and spaces as each pre-tokenizer does', () => {
    const pieces = (pre: string, text: string) => {
      const merges = [...'0123456789'].flatMap((a) => [...'0123456789'].map((b) => a + b));
      const tokens = [...smallTokens, ...merges, 'ĊĊ', '123'];
      const metadata = new Map<string, GgufValue>(smallMetadata().map(([key, , value]) => [key, value as GgufValue]));
      metadata.set('tokenizer.ggml.tokens', tokens).set('tokenizer.ggml.pre', pre).delete('tokenizer.ggml.token_type');
      metadata.set('tokenizer.ggml.merges', [...merges.map((pair) => `${pair[0]} ${pair[1]}`), 'Ċ Ċ', '12 3']);
      const tokenizer = createTokenizer(
        ggufTokenizerSource({ path: '/memory/file', metadata, tensors: new Map(), entries: new Map() }, tokens.length),
      );
      return tokenizer.encode(text).map((id) => tokens[id]);
    };
    assert.deepEqual(pieces('gpt-2', '1234\n\n5'), ['12', '34', 'Ċ', 'Ċ', '5']);
    assert.deepEqual(pieces('smollm', '1234\n\n5'), ['1', '2', '3', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('llama-bpe', '1234\n\n5'), ['123', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('qwen2', '1234\n\n5'), ['1', '2', '3', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('smollm', '²3'), ['Â', '²', '3'], 'every number is a digit, not only 0 to 9');
    assert.throws(
      () => pieces('gemma4', 'x'),
      refused(/tokenizer\.ggml\.pre is "gemma4", a way of cutting text that Palate does not know; known are .*smollm/),
    );
    assert.throws(() => pieces('constructor', 'x'), refused(/does not know/));
  });

  it('cuts at Unicode white space and numbers, not at those of JavaScript', () => {
    const pieces = (merges: string[], steps: object[], text: string) => {
      const tokens = [...smallTokens.slice(0, 259), ...merges.map((merge) => merge.replace(' ', ''))];
      const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
      const json = {
        ...smallTokenizerJson(),
        pre_tokenizer: { type: 'Sequence', pretokenizers: steps },
        model: { type: 'BPE', vocab, merges },
      };
      const tokenizer = createTokenizer({
        where: 'tokenizer.json',
        json,
        vocabulary: 300,
        namedTokens: {},
        endIds: [1],
      });
      return tokenizer.encode(text).map((id) => tokens[id]);
    };
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
    const digits = { type: 'Digits', individual_digits: true };
    // U+0085 is white space to Unicode only, U+FEFF to JavaScript only.
    assert.deepEqual(pieces(['Â ħ', 'Âħ Âħ'], [byteLevel], 'a\u0085\u0085b'), ['a', 'Âħ', 'Âħ', 'b']);
    assert.deepEqual(pieces(['! ï'], [byteLevel], '!\ufeff'), ['!ï', '»', '¿']);
    // "²" is a number to Unicode only: the spaces before it are a piece of their own.
    assert.deepEqual(pieces(['Ġ Ġ'], [digits, byteLevel], '  ²'), ['ĠĠ', 'Â', '²']);
    assert.deepEqual(pieces(['Ġ Ġ'], [byteLevel], '  ²'), ['Ġ', 'Ġ', 'Â', '²']);
    const together = { type: 'Digits', individual_digits: false };
    assert.deepEqual(pieces(['1 2'], [together, byteLevel], '12'), ['12']);
    assert.deepEqual(pieces(['1 2'], [digits, byteLevel], '12'), ['1', '2']);
  });

  it('refuses damaged and unsupported tokenizers, naming file and key', () => {
    const model = smallTokenizerJson().model as { vocab: Record<string, number> };
    const cases: [() => unknown, RegExp][] = [
      [() => withModel({ type: 'Unigram' }), /tokenizer\.json: model\.type is "Unigram"; Palate reads BPE/],
      [() => withModel({ vocab: [] }), /model\.vocab is not an object/],
      [
        () => withModel({ vocab: { ...model.vocab, new: 262 } }),
        /model\.vocab: "new" has the id 262; the model has rows 0 to 261/,
      ],
      [() => withModel({ vocab: { ...model.vocab, new: 1e9 } }), /has the id 1000000000/],
      [() => withModel({ vocab: { ...model.vocab, new: 5 } }), /the id 5 is given to two tokens/],
      [() => withModel({ merges: ['h x q', 'he'] }), /model\.merges\[0\]/],
      [() => withModel({ merges: ['h e', 'he zz'] }), /model\.merges\[1\] needs the token "zz"/],
      [() => withModel({ merges: 'h e' }), /model\.merges is not a list/],
      [() => withTokenizer({ added_tokens: [{ id: -1, content: 'x' }] }), /added_tokens\[0\] "x" has the id -1/],
      [() => withTokenizer({ added_tokens: [{ id: 3, content: '' }] }), /added_tokens\[0\]\.content/],
      [() => withTokenizer({ added_tokens: 'none' }), /added_tokens is not a list/],
      [
        () => withTokenizer({ pre_tokenizer: { type: 'BertPreTokenizer' } }),
        /pre_tokenizer: the type "BertPreTokenizer" is not supported/,
      ],
      [
        () => withTokenizer({ pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext' } }),
        /"MergedWithNext" is not supported/,
      ],
      [
        () => withTokenizer({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
        /tokenizer cannot be built/,
      ],
      [
        () => withTokenizer({ normalizer: { type: 'Precompiled' } }),
        /normalizer: the type "Precompiled" is not supported; Lowercase, NFC/,
      ],
      [
        () => withTokenizer({ decoder: { type: 'Sequence', decoders: [{ type: 'CTC' }] } }),
        /decoder: the type "CTC" is not supported/,
      ],
      [
        () => withTokenizer({ normalizer: { type: 'Replace', pattern: 'x' } }),
        /normalizer: Replace: pattern is not an object/,
      ],
      [
        () => withTokenizer({ pre_tokenizer: { type: { toString: null } } }),
        /pre_tokenizer: the type \{"toString":null\} is not supported/,
      ],
      [() => withModel({ continuing_subword_prefix: '##' }), /model\.continuing_subword_prefix is "##"/],
      [
        () => withTokenizer({ added_tokens: [{ id: 3, content: 'x', single_word: true }] }),
        /added_tokens\[0\]: single_word/,
      ],
      [() => withTokenizer({ model: null }), /model is not an object/],
      [() => fromGguf(['tokenizer.ggml.model', STRING, 'llama']), /tokenizer\.ggml\.model is "llama"/],
      [() => fromGguf(['tokenizer.ggml.pre', STRING, undefined]), /tokenizer\.ggml\.pre is missing/],
      [() => fromGguf(['tokenizer.ggml.tokens', STRING, undefined]), /tokenizer\.ggml\.tokens is missing/],
      [
        () => fromGguf(['tokenizer.ggml.tokens', STRING, ['a', 'a']], ['tokenizer.ggml.token_type', U32, undefined]),
        /bos_token_id|has "a" twice/,
      ],
      [() => fromGguf(['tokenizer.ggml.token_type', U32, [1]]), /token_type does not have one entry for each/],
      [() => fromGguf(['tokenizer.ggml.merges', U32, [1]]), /tokenizer\.ggml\.merges is not a list of strings/],
      [() => fromGguf(['tokenizer.ggml.add_bos_token', U32, 1]), /add_bos_token is neither true nor false/],
    ];
    for (const [make, pattern] of cases) assert.throws(make, refused(pattern), String(make));
  });

  it('keeps tokens that are named like properties of objects', () => {
    const names = ['__proto__', 'constructor', 'toString'];
    const tokenizer = fromGguf(
      ['tokenizer.ggml.tokens', STRING, [...smallTokens.slice(0, 259), ...names]],
      ['tokenizer.ggml.merges', STRING, []],
    );
    assert.equal(tokenizer.size, 262);
    assert.equal(tokenizer.decode([259, 260, 261]), names.join(''));
  });

  function sourceOf() {
    return ggufTokenizerSource(readGguf(memoryFile(ggufBytes(smallMetadata(), []))), smallTokens.length);
  }
});
