import type { LlamaConfig } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';

/** The families that models/ computes, as config.json's model_type and GGUF's general.architecture spell them. */
export const familyNames = ['llama', 'qwen2', 'qwen3', 'gpt2'] as const;
export type FamilyName = (typeof familyNames)[number];
export type LlamaFamily = Exclude<FamilyName, 'gpt2'>;

export function isFamilyName(value: unknown): value is FamilyName {
  return (familyNames as readonly unknown[]).includes(value);
}

/** The families for a message: "llama", "qwen2", "qwen3", "gpt2". */
export const familyList = familyNames.map((name) => JSON.stringify(name)).join(', ');

/** The family whose models compute what the configuration says. */
export function familyOf(config: ModelConfig): FamilyName {
  return config.family ?? llamaFamilyOf(config);
}

export function llamaFamilyOf(config: LlamaConfig): LlamaFamily {
  if (config.headNorms) return 'qwen3';
  return config.attentionBias === 'qkv' ? 'qwen2' : 'llama';
}

/** What `config` has beyond the fields that every model has; absent where it is undefined, so that equal models are equal. */
export function extras(
  fields: { readonly [Key in 'ropeScaling' | 'attentionBias' | 'headNorms']: LlamaConfig[Key] },
): Partial<LlamaConfig> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
