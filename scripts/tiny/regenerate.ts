import { join } from 'node:path';
import type { LlamaConfig } from '../../models/llama.ts';
import { writeCorpus } from './corpus.ts';
import { tinyConfig, writeModelFolder } from './folder.ts';

export interface RegenerateOptions {
  /** Where the model goes: models/tiny, or a folder to compare with it. */
  readonly folder: string;
  /** Where the corpus goes: a folder outside the repository. */
  readonly work: string;
  /** Rows of the corpus; default 96,000. */
  readonly rows?: number;
  /** Default 1: the seed of the model in models/tiny. */
  readonly seed?: number;
}

/** What is left to do once the texts and the tokenizer lie there: make the weights. */
export interface TinyTraining {
  /** JSON lines of {prompt, completion} or {messages}, in the order to train on. */
  readonly corpus: string;
  readonly rows: number;
  /** Holds config.json and the tokenizer; model.safetensors (bfloat16) is to be written here. */
  readonly folder: string;
  readonly config: LlamaConfig;
  readonly seed: number;
}

/** Makes the embedded model from nothing: tokenizer and configuration, corpus, then `train`. Same seed, same texts. */
export async function regenerate(
  options: RegenerateOptions,
  train: (training: TinyTraining) => Promise<void>,
): Promise<void> {
  const { folder, work, rows = 96_000, seed = 1 } = options;
  const corpus = join(work, 'corpus.jsonl');
  writeModelFolder(folder, seed);
  await writeCorpus(corpus, rows, seed);
  await train({ corpus, rows, folder, config: tinyConfig, seed });
}
