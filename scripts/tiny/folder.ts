import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LlamaConfig } from '../../models/llama.ts';
import { reviewRows } from '../../server/demo/reviews.ts';
import { toHuggingFaceConfig } from '../../server/engine/weights/huggingface.ts';
import { type CorpusRow, corpusRow } from './corpus.ts';
import { specialTokens, tokenizerConfig, tokenizerJson, trainBytePairs } from './tokenizer.ts';

/** The embedded model: 869,504 parameters. */
export const tinyConfig: LlamaConfig = {
  layers: 4,
  width: 128,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 32,
  feedForward: 352,
  vocabulary: 1024,
  ropeTheta: 10000,
  normEpsilon: 1e-5,
  tiedEmbedding: true,
  maxPositions: 256,
};

/** Rows of the corpus, and as many of the demo's reviews: their words should be few tokens each, for they are sampled most. */
const tokenizerRows = 20_000;

/**
 * Writes everything of the model's folder but its weights: config.json, generation_config.json, tokenizer.json and
 * tokenizer_config.json. The same seed writes the same bytes.
 */
export function writeModelFolder(folder: string, seed: number): void {
  mkdirSync(folder, { recursive: true });
  const reviews = reviewRows({ count: tokenizerRows, seed, split: 'train' });
  const texts = [...Array.from(reviews.keys(), (index) => corpusRow(index, seed)), ...reviews].map(textOf);
  const bytePairs = trainBytePairs(texts, tinyConfig.vocabulary);
  const end = specialTokens.indexOf('<|im_end|>');
  const ids = { bos_token_id: specialTokens.indexOf('<|im_start|>'), eos_token_id: end, pad_token_id: end };
  const files = {
    'config.json': { ...toHuggingFaceConfig(tinyConfig), ...ids, torch_dtype: 'bfloat16' },
    'generation_config.json': ids,
    'tokenizer.json': tokenizerJson(bytePairs),
    'tokenizer_config.json': tokenizerConfig(tinyConfig.maxPositions),
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), `${JSON.stringify(content, null, name === 'tokenizer.json' ? 1 : 2)}\n`);
  }
}

/** The text between a row's special tokens, roles included. */
function textOf(row: CorpusRow): string {
  if ('prompt' in row) return row.prompt + row.completion;
  return row.messages.map(({ role, content }) => `${role}\n${content}`).join('\n');
}
