import assert from 'node:assert/strict';
import type { LlamaConfig } from '../../models/llama.ts';
import type { ModelConfig } from '../../models/network.ts';

/** The configuration of a model that must be of the Llama family. */
export function llamaConfig(config: ModelConfig): LlamaConfig {
  assert.ok(config.family === undefined, `a model of the family ${config.family}`);
  return config;
}
