import type { ModelConfig } from '../../../models/network.ts';

/** A base model in memory. Weights are float32 under their Hugging Face names ("model.layers.0.self_attn.q_proj.weight"). */
export interface BaseModel {
  /** The path as the user gave it, made absolute. */
  readonly path: string;
  /** SHA-256 over config and weights' headers and sizes: the identity that adapters and manifests record. */
  readonly identity: string;
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, WeightTensor>;
  readonly tokenizer: Tokenizer;
}

export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface Tokenizer {
  /** Special tokens written in the text become their ids; no BOS or EOS is added unless the metadata says so. */
  encode(text: string): number[];
  /** The text of ids, without special tokens. */
  decode(ids: readonly number[]): string;
  /** Renders by the model's chat template and encodes; throws a UserError where the model has none. */
  encodeChat(messages: readonly ChatMessage[], options: { readonly generationPrompt: boolean }): number[];
  readonly hasChatTemplate: boolean;
  /** Ids that end an answer (eos_token_id of config, generation_config, or GGUF metadata). The first is the one trained on. */
  readonly endIds: readonly number[];
  /** V as the tokenizer knows it; at most the model's vocabulary. */
  readonly size: number;
}

/** A PEFT adapter folder in memory: tensors under PEFT's names ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"). */
export interface Adapter {
  readonly rank: number;
  /** lora_alpha; the LoRA scale is alpha / rank. */
  readonly alpha: number;
  /** Module names, "q_proj" … */
  readonly targetModules: readonly string[];
  readonly task: 'CAUSAL_LM' | 'SEQ_CLS';
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /** Free strings kept in the safetensors header: "palate.reward.bias", "palate.base" … */
  readonly metadata: Readonly<Record<string, string>>;
}
