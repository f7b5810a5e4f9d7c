import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFile } from '../../../../server/engine/weights/files.ts';
import { readGguf } from '../../../../server/engine/weights/gguf.ts';
import { createTokenizer, tokenizerFiles } from '../../../../server/engine/weights/tokenizer.ts';
import { ggufTokenizerSource, huggingFaceTokenizerSource } from '../../../../server/engine/weights/tokenizerSources.ts';
import type { Tokenizer } from '../../../../server/engine/weights/types.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { testDataOrSkip } from '../../../support/testData.ts';
import { writeModelFolder } from './modelFolder.ts';

const user = (content: string) => [{ role: 'user', content }];

describe('tokenizer of SmolLM2-135M-Instruct', () => {
  const folder = temporaryFolder();
  let tokenizer: Tokenizer;
  let golden: {
    greedy: { question: string; promptIds: number[]; answerIds: number[]; answer: string }[];
    paragraph: { text: string; ids: number[] };
  };
  before(function () {
    const data = testDataOrSkip(this, 'SmolLM2-135M-Instruct');
    golden = JSON.parse(readFileSync(join(data, 'golden.json'), 'utf8'));
    const source = withFile(join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf'), (file) =>
      ggufTokenizerSource(readGguf(file), 49152),
    );
    tokenizer = createTokenizer(source);
  });

  it('gives the token ids of Transformers for prompts and paragraph', () => {
    for (const { question, promptIds } of golden.greedy) {
      assert.deepEqual(tokenizer.encodeChat(user(question), { generationPrompt: true }), promptIds);
    }
    assert.deepEqual(tokenizer.encode(golden.paragraph.text), golden.paragraph.ids);
  });

  it('decodes the answers, without their end token', () => {
    for (const { answerIds, answer } of golden.greedy)
      assert.equal(tokenizer.decode(answerIds), answer.replace('<|im_end|>', ''));
    assert.equal(tokenizer.decode(golden.paragraph.ids), golden.paragraph.text);
    assert.deepEqual(tokenizer.endIds, [2]);
    assert.equal(tokenizer.size, 49152);
  });

  it('gives the ids of Hugging Face tokenizers 0.23 where digits, spaces and scripts meet', () => {
    // Computed with the Rust tokenizers and this model's own pre-tokenizer (Digits, then ByteLevel).
    const cases: [string, number[]][] = [
      ['Steps:\n\n1. Go\n\n2. Come', [21831, 42, 1116, 33, 30, 2351, 1116, 34, 30, 24282]],
      ['  42 apples,\t\t7\u00bd pears', [256, 36, 34, 13855, 28, 1656, 39, 16738, 41684]],
      ['\u0663\u0664 and \u2167', [164, 113, 164, 114, 284, 216, 173, 223, 117]],
      [
        'na\u00efve fa\u00e7ade \u2014 \u201cquoted\u201d\u00a0text',
        [3546, 46494, 40852, 1841, 619, 385, 5036, 573, 15442, 2692],
      ],
      ["I'll they'VE don't", [57, 3060, 502, 23, 18525, 1326, 982]],
      [
        '\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\ud83d\ude00!!',
        [
          23274, 115, 40993, 179, 120, 248, 26453, 11100, 224, 10391, 251, 10391, 134, 11100, 226, 10813, 242, 218,
          10095,
        ],
      ],
      ['x = [1, 2.50];\r\n\r\n\ty()', [104, 446, 933, 33, 28, 216, 34, 30, 37, 32, 26695, 18682, 197, 105, 1000]],
      ['\u0085\ufeff\u2028 end  ', [141, 223, 186, 136, 140, 321, 118, 1112, 256]],
      ['<|im_start|>a<|im_end|> <|im', [1, 81, 2, 2067, 108, 306]],
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
    assert.deepEqual(
      again.encodeChat(user(text), { generationPrompt: true }),
      tokenizer.encodeChat(user(text), { generationPrompt: true }),
    );
    assert.deepEqual(again.endIds, [2]);
  });
});
