import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFile } from '../../../../server/engine/weights/files.ts';
import { type GgufValue, readGguf } from '../../../../server/engine/weights/gguf.ts';
import { createTokenizer, tokenizerFiles } from '../../../../server/engine/weights/tokenizer.ts';
import { ggufTokenizerSource, huggingFaceTokenizerSource } from '../../../../server/engine/weights/tokenizerSources.ts';
import type { Tokenizer } from '../../../../server/engine/weights/types.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { testDataOrSkip } from '../../../support/testData.ts';
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
  const fromFolder = (changes: FolderChanges = {}, extra: Record<string, unknown> = {}): Tokenizer => {
    const path = writeModelFolder(join(folder.path, 'model'), changes);
    for (const name of ['generation_config.json', 'chat_template.jinja']) writeFileSync(join(path, name), (extra[name] as string) ?? (name.endsWith('json') ? '{}' : ''));
    const source = huggingFaceTokenizerSource(path, smallTokens.length);
    return createTokenizer(extra['chat_template.jinja'] ? source : { ...source, chatTemplate: source.chatTemplate || undefined });
  };
  const withTokenizer = (tokenizer: Record<string, unknown>) => fromFolder({ tokenizer });
  const withModel = (model: Record<string, unknown>) => withTokenizer({ model: { ...(smallTokenizerJson().model as object), ...model } });

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
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });

  it('decodes half a character as U+FFFD, and joins halves across tokens', () => {
    const tokenizer = fromGguf();
    const smile = ids('🙂');
    assert.equal(tokenizer.decode(smile.slice(0, 3)), '\ufffd');
    assert.equal(tokenizer.decode(smile.slice(1, 2)), '\ufffd');
    assert.equal(tokenizer.decode(smile), '🙂');
    assert.equal(tokenizer.decode([...smile.slice(0, 2), 1, ...smile.slice(2)]), '🙂', 'a special token leaves no trace');
  });

  it('knows ids of the model that the tokenizer has no token for', () => {
    assert.equal(createTokenizer({ ...sourceOf(), vocabulary: 400 }).decode([...ids('a'), 399, ...ids('b')]), 'ab');
  });

  it('adds BOS and EOS only where the metadata says so', () => {
    const template = (single: unknown) => ({ post_processor: { type: 'TemplateProcessing', single, pair: [], special_tokens: {} } });
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
    assert.deepEqual(fromFolder({ tokenizer: template([bos, text]), tokenizerConfig: { add_bos_token: false } }).encode('a'), a);
    assert.deepEqual(fromFolder({ tokenizer: template([bos, text]), tokenizerConfig: { add_bos_token: true } }).encode('a'), [0, ...a]);
    assert.deepEqual(fromFolder({ tokenizerConfig: { add_bos_token: true, add_eos_token: true } }).encode('a'), [0, ...a, 1]);
    const llama3 = fromGguf(['tokenizer.ggml.add_bos_token', BOOL, undefined], ['tokenizer.ggml.pre', STRING, 'llama-bpe']);
    assert.deepEqual(llama3.encode('a'), [0, ...a]);
  });

  it('renders the chat template with its own special tokens, and adds none', () => {
    for (const tokenizer of [fromGguf(['tokenizer.ggml.add_bos_token', BOOL, true]), fromFolder({ tokenizerConfig: { add_bos_token: true } })]) {
      assert.equal(tokenizer.hasChatTemplate, true);
      const asked = [0, ...ids('[user]x'), 1];
      assert.deepEqual(tokenizer.encodeChat(user('x'), { generationPrompt: false }), asked);
      assert.deepEqual(tokenizer.encodeChat(user('x'), { generationPrompt: true }), [...asked, ...ids('[assistant]')]);
    }
  });

  it('keeps Transformers\' template conventions', () => {
    const render = (template: string, content = 'x') =>
      fromFolder({ tokenizerConfig: { chat_template: template } }).decode(
        fromFolder({ tokenizerConfig: { chat_template: template } }).encodeChat(user(content), { generationPrompt: false }),
      );
    assert.equal(render('{% for m in messages %}\n  {% if m.role == "user" %}\n{{ m.content | trim }}\n  {% endif %}\n{% endfor %}', ' x '), 'x\n');
    assert.match(render('{{ strftime_now("%Y") }}'), /^20\d\d$/);
    assert.equal(render('{{ unknown_variable }}{{ tools is defined }}'), 'false');
    assert.throws(() => render('{{ raise_exception("only\nsystem") }}'), refused(/does not take these messages: only\\u\{a\}system/));
    assert.throws(() => render('{% for m in messages %}{{ m.content'), refused(/tokenizer\.json: the chat template is broken/));
    assert.throws(() => render('{{ messages[0].content.no_such_method() }}'), refused(/does not take these messages/));
  });

  it('finds the template where Transformers looks for it', () => {
    const text = (tokenizer: Tokenizer) => tokenizer.decode(tokenizer.encodeChat(user('x'), { generationPrompt: false }));
    const several = [{ name: 'tool_use', template: 'T' }, { name: 'default', template: 'D' }]; // prettier-ignore
    assert.equal(text(fromFolder({ tokenizerConfig: { chat_template: several } })), 'D');
    assert.equal(text(fromFolder({}, { 'chat_template.jinja': 'J' })), 'J');
    const plain = fromGguf(['tokenizer.chat_template', STRING, undefined]);
    assert.equal(plain.hasChatTemplate, false);
    assert.throws(() => plain.encodeChat(user('x'), { generationPrompt: true }), refused(/has no chat template/));
  });

  it('collects the ids that end an answer; the one that the template writes comes first', () => {
    assert.deepEqual(fromGguf().endIds, [1]);
    assert.deepEqual(fromGguf(['tokenizer.ggml.eos_token_id', U32, 2], ['tokenizer.ggml.eot_token_id', U32, 1]).endIds, [2, 1]);
    const written = '{% for m in messages %}{{ m.content }}</s>{% endfor %}';
    const template = ['tokenizer.chat_template', STRING, written] as const;
    assert.deepEqual(fromGguf(['tokenizer.ggml.eos_token_id', U32, 2], ['tokenizer.ggml.eot_token_id', U32, 1], template).endIds, [1, 2]);
    assert.deepEqual(fromFolder({ config: { eos_token_id: [2, 1] } }).endIds, [1, 2]);
    assert.deepEqual(fromFolder({ config: { eos_token_id: 5 } }, { 'generation_config.json': '{"eos_token_id": [2]}' }).endIds, [1, 2]);
    assert.deepEqual(fromFolder({ config: { eos_token_id: 2 }, tokenizerConfig: { eos_token: null } }).endIds, [2]);
    assert.throws(() => fromGguf(['tokenizer.ggml.eos_token_id', U32, undefined]), refused(/does not say which token ends an answer/));
    assert.throws(() => fromGguf(['tokenizer.ggml.eos_token_id', U32, 262]), refused(/eos_token_id is "262"; it must be one of the 262 tokens/));
    assert.throws(() => fromFolder({ config: { eos_token_id: 'x' } }), refused(/eos_token_id "x" is not a row/));
  });

  it('splits numbers and spaces as each pre-tokenizer does', () => {
    const pieces = (pre: string, text: string) => {
      const merges = [...'0123456789'].flatMap((a) => [...'0123456789'].map((b) => a + b));
      const tokens = [...smallTokens, ...merges, 'ĊĊ', '123'];
      const metadata = new Map<string, GgufValue>(smallMetadata().map(([key, , value]) => [key, value as GgufValue]));
      metadata.set('tokenizer.ggml.tokens', tokens).set('tokenizer.ggml.pre', pre).delete('tokenizer.ggml.token_type');
      metadata.set('tokenizer.ggml.merges', [...merges.map((pair) => `${pair[0]} ${pair[1]}`), 'Ċ Ċ', '12 3']);
      const tokenizer = createTokenizer(ggufTokenizerSource({ path: '/memory/file', metadata, tensors: new Map() }, tokens.length));
      return tokenizer.encode(text).map((id) => tokens[id]);
    };
    assert.deepEqual(pieces('gpt-2', '1234\n\n5'), ['12', '34', 'Ċ', 'Ċ', '5']);
    assert.deepEqual(pieces('smollm', '1234\n\n5'), ['1', '2', '3', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('llama-bpe', '1234\n\n5'), ['123', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('qwen2', '1234\n\n5'), ['1', '2', '3', '4', 'ĊĊ', '5']);
    assert.deepEqual(pieces('smollm', '²3'), ['Â', '²', '3'], 'every number is a digit, not only 0 to 9');
    assert.throws(() => pieces('gemma4', 'x'), refused(/tokenizer\.ggml\.pre is "gemma4", a way of cutting text that Palate does not know; known are .*smollm/));
    assert.throws(() => pieces('constructor', 'x'), refused(/does not know/));
  });

  it('treats U+0085 and U+FEFF as Unicode does, not as JavaScript', () => {
    const merges = ['Â ħ'];
    const vocab = Object.fromEntries([...smallTokens, 'Âħ'].slice(0, smallTokens.length).map((token, id) => [token, id]));
    vocab['Âħ'] = 259;
    delete vocab.he;
    const tokenizer = withModel({ vocab, merges });
    assert.deepEqual(tokenizer.encode('a\u0085\u0085b'), [...ids('a'), 259, 259, ...ids('b')]);
    const bom = [...Buffer.from('\ufeff')].map((byte) => 3 + byte);
    assert.deepEqual(tokenizer.encode('!\ufeff'), [...ids('!'), ...bom]);
  });

  it('refuses damaged and unsupported tokenizers, naming file and key', () => {
    const model = smallTokenizerJson().model as { vocab: Record<string, number> };
    const cases: [() => unknown, RegExp][] = [
      [() => withModel({ type: 'Unigram' }), /tokenizer\.json: model\.type is "Unigram"; Palate reads BPE/],
      [() => withModel({ vocab: [] }), /model\.vocab is not an object/],
      [() => withModel({ vocab: { ...model.vocab, new: 262 } }), /model\.vocab: "new" has the id "262"; the model has rows 0 to 261/],
      [() => withModel({ vocab: { ...model.vocab, new: 1e9 } }), /has the id "1000000000"/],
      [() => withModel({ vocab: { ...model.vocab, new: 5 } }), /the id 5 is given to two tokens/],
      [() => withModel({ merges: ['h x q', 'he'] }), /model\.merges\[0\]/],
      [() => withModel({ merges: ['h e', 'he zz'] }), /model\.merges\[1\] needs the token "zz"/],
      [() => withModel({ merges: 'h e' }), /model\.merges is not a list/],
      [() => withTokenizer({ added_tokens: [{ id: -1, content: 'x' }] }), /added_tokens\[0\] "x" has the id "-1"/],
      [() => withTokenizer({ added_tokens: [{ id: 3, content: '' }] }), /added_tokens\[0\]\.content/],
      [() => withTokenizer({ added_tokens: 'none' }), /added_tokens is not a list/],
      [() => withTokenizer({ pre_tokenizer: { type: 'BertPreTokenizer' } }), /pre_tokenizer: the type "BertPreTokenizer" is not supported/],
      [() => withTokenizer({ pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext' } }), /"MergedWithNext" is not supported/],
      [() => withTokenizer({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }), /tokenizer cannot be built/],
      [() => withTokenizer({ normalizer: { type: 'Nonsense' } }), /tokenizer cannot be built/],
      [() => withTokenizer({ model: null }), /model is not an object/],
      [() => fromGguf(['tokenizer.ggml.model', STRING, 'llama']), /tokenizer\.ggml\.model is "llama"/],
      [() => fromGguf(['tokenizer.ggml.pre', STRING, undefined]), /tokenizer\.ggml\.pre is missing/],
      [() => fromGguf(['tokenizer.ggml.tokens', STRING, undefined]), /tokenizer\.ggml\.tokens is missing/],
      [() => fromGguf(['tokenizer.ggml.tokens', STRING, ['a', 'a']], ['tokenizer.ggml.token_type', U32, undefined]), /bos_token_id|has "a" twice/],
      [() => fromGguf(['tokenizer.ggml.token_type', U32, [1]]), /token_type does not have one entry for each/],
      [() => fromGguf(['tokenizer.ggml.merges', U32, [1]]), /tokenizer\.ggml\.merges is not a list of strings/],
      [() => fromGguf(['tokenizer.ggml.add_bos_token', U32, 1]), /add_bos_token is neither true nor false/],
    ];
    for (const [make, pattern] of cases) assert.throws(make, refused(pattern), String(make));
  });

  it('keeps tokens that are named like properties of objects', () => {
    const names = ['__proto__', 'constructor', 'toString'];
    const tokenizer = fromGguf(['tokenizer.ggml.tokens', STRING, [...smallTokens.slice(0, 259), ...names]], ['tokenizer.ggml.merges', STRING, []]);
    assert.equal(tokenizer.size, 262);
    assert.equal(tokenizer.decode([259, 260, 261]), names.join(''));
  });

  function sourceOf() {
    return ggufTokenizerSource(readGguf(memoryFile(ggufBytes(smallMetadata(), []))), smallTokens.length);
  }

  describe('of SmolLM2-135M-Instruct', () => {
    let tokenizer: Tokenizer;
    let golden: { greedy: { question: string; promptIds: number[]; answerIds: number[]; answer: string }[]; paragraph: { text: string; ids: number[] } };
    before(function () {
      const data = testDataOrSkip(this, 'SmolLM2-135M-Instruct');
      golden = JSON.parse(readFileSync(join(data, 'golden.json'), 'utf8'));
      const source = withFile(join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf'), (file) => ggufTokenizerSource(readGguf(file), 49152));
      tokenizer = createTokenizer(source);
    });

    it('gives the token ids of Transformers for prompts and paragraph', () => {
      for (const { question, promptIds } of golden.greedy) {
        assert.deepEqual(tokenizer.encodeChat(user(question), { generationPrompt: true }), promptIds);
      }
      assert.deepEqual(tokenizer.encode(golden.paragraph.text), golden.paragraph.ids);
    });

    it('decodes the answers, without their end token', () => {
      for (const { answerIds, answer } of golden.greedy) assert.equal(tokenizer.decode(answerIds), answer.replace('<|im_end|>', ''));
      assert.equal(tokenizer.decode(golden.paragraph.ids), golden.paragraph.text);
      assert.deepEqual(tokenizer.endIds, [2]);
      assert.equal(tokenizer.size, 49152);
    });

    it('gives the ids of Hugging Face tokenizers 0.22 where digits, spaces and scripts meet', () => {
      // Computed with the Rust tokenizers and this model's own pre-tokenizer (Digits, then ByteLevel).
      const cases: [string, number[]][] = [
        ["Steps:\n\n1. Go\n\n2. Come", [21831, 42, 1116, 33, 30, 2351, 1116, 34, 30, 24282]],
        ["  42 apples,\t\t7\u00bd pears", [256, 36, 34, 13855, 28, 1656, 39, 16738, 41684]],
        ["\u0663\u0664 and \u2167", [164, 113, 164, 114, 284, 216, 173, 223, 117]],
        ["na\u00efve fa\u00e7ade \u2014 \u201cquoted\u201d\u00a0text", [3546, 46494, 40852, 1841, 619, 385, 5036, 573, 15442, 2692]],
        ["I'll they'VE don't", [57, 3060, 502, 23, 18525, 1326, 982]],
        ["\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\ud83d\ude00!!", [23274, 115, 40993, 179, 120, 248, 26453, 11100, 224, 10391, 251, 10391, 134, 11100, 226, 10813, 242, 218, 10095]],
        ["x = [1, 2.50];\r\n\r\n\ty()", [104, 446, 933, 33, 28, 216, 34, 30, 37, 32, 26695, 18682, 197, 105, 1000]],
        ["\u0085\ufeff\u2028 end  ", [141, 223, 186, 136, 140, 321, 118, 1112, 256]],
        ["<|im_start|>a<|im_end|> <|im", [1, 81, 2, 2067, 108, 306]],
      ];
      for (const [text, expected] of cases) assert.deepEqual(tokenizer.encode(text), expected, JSON.stringify(text));
    });

    it('saves as a folder whose tokenizer gives the same ids', () => {
      const path = join(folder.path, 'saved');
      writeModelFolder(path);
      for (const [name, content] of tokenizerFiles(tokenizer)) writeFileSync(join(path, name), content);
      const again = createTokenizer(huggingFaceTokenizerSource(path, 49152));
      const { text } = golden.paragraph;
      assert.deepEqual(again.encode(`${text}\n\n1. <|im_end|>`), tokenizer.encode(`${text}\n\n1. <|im_end|>`));
      assert.deepEqual(again.encodeChat(user(text), { generationPrompt: true }), tokenizer.encodeChat(user(text), { generationPrompt: true }));
      assert.deepEqual(again.endIds, [2]);
    });
  });
});
