import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { corpusRow, writeCorpus } from '../../../scripts/tiny/corpus.ts';
import { tinyConfig, writeModelFolder } from '../../../scripts/tiny/folder.ts';
import { byteAlphabet, specialTokens, trainBytePairs } from '../../../scripts/tiny/tokenizer.ts';
import { reviewRows, subjects } from '../../../server/demo/reviews.ts';
import { readHuggingFaceConfig } from '../../../server/engine/weights/huggingface.ts';
import { packageRoot } from '../../../server/paths.ts';
import { readCompletionRows } from '../../../server/store/rows.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = join(packageRoot(), 'models', 'tiny');
const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

describe('the corpus of the embedded model', () => {
  const work = temporaryFolder();
  const rows = Array.from({ length: 3000 }, (_, index) => corpusRow(index, 1));
  const textOf = (row: ReturnType<typeof corpusRow>) =>
    'prompt' in row ? row.prompt + row.completion : row.messages.map(({ content }) => content).join(' ');
  const texts = rows.map(textOf);

  it('never mentions a subject that the demo holds out', () => {
    const heldOut = new Set(subjects.heldOut.map(({ name }) => name));
    const mentioned = texts.flatMap((text) => [...text.matchAll(/(?=\b(\w+ \w+)\b)/g)].map(([, pair]) => pair));
    assert.deepEqual(
      mentioned.filter((pair) => heldOut.has(pair)),
      [],
    );
    assert.ok(subjects.train.filter(({ name }) => texts.some((text) => text.includes(name))).length > 300);
  });

  it('has the forms that its grammar knows, conversations among them, and hardly a row twice', () => {
    for (const sign of [
      /^Review of/,
      /Stars: \w+\.$/,
      /^Diary/,
      /degrees/,
      /^A story/,
      /^Write to/,
      /\? (Yes|No)\.$/,
    ]) {
      const share = texts.filter((text) => sign.test(text)).length / texts.length;
      assert.ok(share > 0.01, `${sign}: ${share}`);
    }
    const chats = rows.filter((row) => 'messages' in row).length / rows.length;
    assert.ok(chats > 0.2 && chats < 0.3, `conversations: ${chats}`);
    assert.ok(new Set(texts).size > 0.95 * texts.length);
  });

  it('is written as rows that SFT reads, the same for the same seed', async () => {
    const file = join(work.path, 'deep', 'corpus.jsonl');
    await writeCorpus(file, 2000, 1);
    assert.equal(readCompletionRows(file).length, 2000);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      rows.slice(0, 2000),
    );
    assert.notDeepEqual(corpusRow(0, 2), rows[0]);
  });
});

describe('byte pairs', () => {
  it('join the most frequent pair first, ties by text, and stay within words', () => {
    const { merges, vocabulary } = trainBytePairs(['ab ab ab cd cd'], 3 + 256 + 3);
    assert.deepEqual(merges, [
      ['a', 'b'],
      ['c', 'd'],
      ['Ġ', 'ab'],
    ]);
    assert.equal(vocabulary.get('a'), 3 + 97);
    assert.equal(vocabulary.get('Ġab'), 3 + 256 + 2);
  });

  it('spell every byte with a character of its own', () => {
    assert.equal(new Set(byteAlphabet).size, 256);
    assert.deepEqual([byteAlphabet[32], byteAlphabet[10], byteAlphabet[65]], ['Ġ', 'Ċ', 'A']);
  });

  it('say when the texts hold too little', () => {
    assert.throws(() => trainBytePairs(['ab ab'], 300), /give 26\d tokens; 300 were asked for/);
  });
});

describe('models/tiny', () => {
  const again = temporaryFolder();
  const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;

  it('holds what the regeneration writes', function () {
    this.timeout(60_000);
    writeModelFolder(again.path, 1);
    for (const name of ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const same = readFileSync(join(folder, name)).equals(readFileSync(join(again.path, name)));
      assert.ok(same, `${name} is not what scripts/tiny writes now: run npm run tiny`);
    }
  });

  it('has a configuration that is read back, of at most 1.5 million parameters and 3 MB', function () {
    assert.deepEqual(readHuggingFaceConfig(folder), tinyConfig);
    const { layers, width, heads, keyValueHeads, headWidth, feedForward, vocabulary } = tinyConfig;
    const attention = 2 * width * heads * headWidth + 2 * width * keyValueHeads * headWidth;
    const block = attention + 3 * width * feedForward + 2 * width;
    assert.equal(vocabulary * width + layers * block + width, 869_504);
    const weights = join(folder, 'model.safetensors');
    if (!existsSync(weights)) {
      console.log('      models/tiny/model.safetensors is not there: its size is not checked');
      this.skip();
    }
    assert.ok(statSync(weights).size <= 3e6);
  });

  it('has a tokenizer of 1,024 tokens whose special tokens end and frame a turn', () => {
    assert.equal(Object.keys(json('tokenizer.json').model.vocab).length, tinyConfig.vocabulary);
    assert.deepEqual(
      specialTokens.map((token) => tokenizer.token_to_id(token)),
      [0, 1, 2],
    );
    assert.equal(json('config.json').eos_token_id, 2);
    const chat = encode('<|im_start|>user\nHow was the old cafe?<|im_end|>\n<|im_start|>assistant\n');
    assert.deepEqual([chat[0], chat.filter((id) => id === 2).length], [1, 1]);
  });

  it('gives back any text from its ids', () => {
    const any = 'Ünïcode ☃ 😀\t tab, don\'t, 12 345\n\n  <b>"x"</b> \u00a0end';
    for (const text of [
      any,
      ...reviewRows({ count: 200, seed: 5, split: 'train' }).map((row) => row.prompt + row.completion),
    ]) {
      assert.equal(tokenizer.decode(encode(text), { clean_up_tokenization_spaces: false }), text);
    }
  });

  it('makes reviews of 12 to 24 tokens or so from prompts of at most 16, sentiment words of one', () => {
    const rows = reviewRows({ count: 2000, seed: 6, split: 'heldOut' });
    // The end token is one more.
    const lengths = rows.map(({ completion }) => encode(completion).length + 1).sort((a, b) => a - b);
    assert.ok(lengths[100] >= 11 && lengths[1900] <= 25 && lengths[1999] <= 36, lengths.join(' '));
    assert.ok(rows.every(({ prompt }) => encode(prompt).length <= 16));
    for (const word of ['lovely', 'dreadful', 'delicious', 'beautiful', 'loathed']) {
      assert.equal(encode(` ${word}`).length, 1, word);
    }
  });
});
