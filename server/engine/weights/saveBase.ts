import type { ModelConfig } from '../../../models/network.ts';
import { type Chunks, writeFolderAtomically } from './files.ts';
import { turned } from './gpt2Weights.ts';
import { toHuggingFaceConfig } from './huggingface.ts';
import { safetensorsChunks } from './safetensors.ts';
import { checkShapes, namedShapes } from './shapes.ts';
import { tokenizerFiles } from './tokenizer.ts';
import type { Tokenizer, WeightTensor } from './types.ts';

/** A base model to be written, and how its numbers are kept. */
export interface BaseModelContent {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, WeightTensor>;
  /** A tokenizer that came from `loadBaseModel`. */
  readonly tokenizer: Tokenizer;
  /** BF16 rounds to nearest, ties to even, and halves the file. */
  readonly format: 'F32' | 'BF16';
}

/**
 * Writes a Hugging Face folder (config.json, generation_config.json, model.safetensors, tokenizer.json,
 * tokenizer_config.json) that `loadBaseModel` and Transformers read; whole or not at all.
 */
export function writeBaseModel(folder: string, { config, weights, tokenizer, format }: BaseModelContent): void {
  checkShapes(folder, namedShapes(config), new Map([...weights].map(([name, { shape }]) => [name, shape])));
  const asFiled = new Map([...weights].map(([name, weight]) => [name, turned(config, name, weight)] as const));
  const chunks = safetensorsChunks(asFiled, { format });
  writeFolderAtomically(folder, new Map([['model.safetensors', chunks], ...modelTexts(config, tokenizer)]));
}

/** The files beside the weights that make a model's folder. */
export function modelTexts(config: ModelConfig, tokenizer: Tokenizer): Map<string, Chunks> {
  const json = { ...toHuggingFaceConfig(config), eos_token_id: tokenizer.endIds[0] };
  const texts = [['config.json', `${JSON.stringify(json, null, 2)}\n`] as const, ...tokenizerFiles(tokenizer)];
  return new Map(texts.map(([name, text]) => [name, [text]]));
}
