import type { LlamaConfig } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';

/** The families that models/ computes, as GGUF's general.architecture spells them. */
export const familyNames = ['llama', 'qwen2', 'qwen3', 'gpt2', 'gemma', 'gemma3'] as const;
export type FamilyName = (typeof familyNames)[number];
export type LlamaFamily = Exclude<FamilyName, 'gpt2' | 'gemma' | 'gemma3'>;

export function isFamilyName(value: unknown): value is FamilyName {
  return (familyNames as readonly unknown[]).includes(value);
}

/** The family of a config.json's model_type, where it is one. */
export function familyOfType(type: unknown): FamilyName | undefined {
  // Mistral's models are Llama's, but for the width of the window that is left out.
  if (type === 'mistral') return 'llama';
  if (type === 'gemma3_text') return 'gemma3';
  return isFamilyName(type) && type !== 'gemma3' ? type : undefined;
}

/** The families for a message: "llama", "qwen2", …; and the types of models in config.json. */
export const familyList = familyNames.map((name) => JSON.stringify(name)).join(', ');
export const typeList = familyList.replace('"gemma3"', '"gemma3_text", "mistral"');

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
