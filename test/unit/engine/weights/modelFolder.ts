import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LlamaConfig } from '../../../../models/llama.ts';
import { toHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { type SafetensorsOptions, writeSafetensors } from '../../../../server/engine/weights/safetensors.ts';
import type { WeightTensor } from '../../../../server/engine/weights/types.ts';
import {
  ggufBytes,
  ggufTensors,
  smallConfig,
  smallMetadata,
  smallTemplate,
  smallTokenizerJson,
  smallWeights,
} from './builders.ts';

/** What a small Hugging Face folder should differ in from the ordinary one. */
export interface FolderChanges {
  readonly config?: Record<string, unknown>;
  /** The shape, where it is not the small model's. */
  readonly shape?: LlamaConfig;
  readonly tokenizer?: Record<string, unknown>;
  readonly tokenizerConfig?: Record<string, unknown>;
  readonly weights?: ReadonlyMap<string, WeightTensor>;
  readonly format?: SafetensorsOptions['format'];
  /** Number of safetensors files, with an index where there are several. */
  readonly shards?: number;
}

/** Writes a Hugging Face folder of the small model and returns its path. */
export function writeModelFolder(folder: string, changes: FolderChanges = {}): string {
  mkdirSync(folder, { recursive: true });
  const json = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  const shape = changes.shape ?? smallConfig;
  json('config.json', { ...toHuggingFaceConfig(shape), eos_token_id: 1, ...changes.config });
  json('tokenizer.json', { ...smallTokenizerJson(), ...changes.tokenizer });
  json('tokenizer_config.json', {
    bos_token: '<s>',
    eos_token: { content: '</s>' },
    chat_template: smallTemplate,
    ...changes.tokenizerConfig,
  });
  const weights = [...(changes.weights ?? smallWeights(shape))];
  const shards = changes.shards ?? 1;
  if (shards === 1) {
    writeSafetensors(join(folder, 'model.safetensors'), new Map(weights), { format: changes.format });
    return folder;
  }
  const map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const part = weights.filter((_, index) => index % shards === shard);
    for (const [tensor] of part) map[tensor] = name;
    writeSafetensors(join(folder, name), new Map(part), { format: changes.format });
  }
  json('model.safetensors.index.json', { metadata: {}, weight_map: map });
  return folder;
}

/** Writes the small model as a GGUF file and returns its path. */
export function writeModelFile(path: string, config: LlamaConfig = smallConfig): string {
  writeFileSync(path, ggufBytes(smallMetadata(config), ggufTensors(smallWeights(config), config)));
  return path;
}
