import type { LlamaConfig } from '../../../../models/llama.ts';
import type { OpenFile } from '../../../../server/engine/weights/files.ts';
import { namedShapes } from '../../../../server/engine/weights/shapes.ts';
import type { WeightTensor } from '../../../../server/engine/weights/types.ts';
import { UserError } from '../../../../server/errors.ts';

/** Small models, made by hand, in the formats that the readers are to read. */

/** A model of 2 layers whose axes all differ, so that a swapped pair cannot pass. */
export const smallConfig: LlamaConfig = {
  layers: 2,
  width: 32,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 8,
  feedForward: 64,
  vocabulary: 262,
  ropeTheta: 10000,
  normEpsilon: 2 ** -17,
  tiedEmbedding: false,
  maxPositions: 64,
};

/** Weights of that shape with small, different, exactly representable numbers (multiples of 1/64, also in bfloat16). */
export function smallWeights(config: LlamaConfig = smallConfig, seed = 1): Map<string, WeightTensor> {
  let state = seed;
  return new Map(
    namedShapes(config).map(({ name, shape }) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      for (let i = 0; i < data.length; i++) {
        state = (state * 1103515245 + 12345) % 2147483648;
        data[i] = (Math.floor(state / 65536) % 256) / 64 - 2;
      }
      return [name, { shape, data }];
    }),
  );
}

/** The characters that spell the 256 bytes in byte-level vocabularies, from GPT-2's definition. */
export const byteCharacters: readonly string[] = (() => {
  const printable: number[] = [];
  for (let byte = 33; byte <= 126; byte++) printable.push(byte);
  for (let byte = 161; byte <= 172; byte++) printable.push(byte);
  for (let byte = 174; byte <= 255; byte++) printable.push(byte);
  let extra = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable.includes(byte) ? byte : 256 + extra++),
  );
})();

/** Ids 0 <s>, 1 </s>, 2 <think> (added, not special), 3…258 the bytes, 259 "he", 260 "hel", 261 " h". */
export const smallTokens: readonly string[] = ['<s>', '</s>', '<think>', ...byteCharacters, 'he', 'hel', 'Ġh'];
export const smallMerges: readonly string[] = ['h e', 'he l', 'Ġ h'];
export const smallTemplate =
  '{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}';

/** The same tokenizer as the content of a tokenizer.json. */
export function smallTokenizerJson(): Record<string, unknown> {
  return {
    version: '1.0',
    added_tokens: [
      { id: 0, content: '<s>', special: true, normalized: false, lstrip: false, rstrip: false, single_word: false },
      { id: 1, content: '</s>', special: true, normalized: false, lstrip: false, rstrip: false, single_word: false },
      {
        id: 2,
        content: '<think>',
        special: false,
        normalized: false,
        lstrip: false,
        rstrip: false,
        single_word: false,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(smallTokens.map((token, id) => [token, id])), merges: smallMerges },
  };
}

/** A metadata value and its GGUF type number. */
export type Metadata = readonly (readonly [key: string, type: number, value: unknown])[];
const U32 = 4;
const F32 = 6;
const BOOL = 7;
const STRING = 8;

/** The small model as the other families have it. */
export const smallFamilies: Readonly<Record<'biased' | 'qwen2' | 'qwen3', LlamaConfig>> = {
  biased: { ...smallConfig, attentionBias: 'qkvo' },
  qwen2: { ...smallConfig, attentionBias: 'qkv' },
  qwen3: { ...smallConfig, headWidth: 16, headNorms: true },
};

function architectureOf({ attentionBias, headNorms }: LlamaConfig): string {
  if (headNorms) return 'qwen3';
  return attentionBias === 'qkv' ? 'qwen2' : 'llama';
}

export function smallMetadata(config: LlamaConfig = smallConfig): Metadata {
  const architecture = architectureOf(config);
  const ownWidth = config.headWidth !== config.width / config.heads;
  const widths = ['key_length', 'value_length'].map((key) => [`attention.${key}`, U32, config.headWidth] as const);
  const shape: Metadata = [
    ['block_count', U32, config.layers],
    ['embedding_length', U32, config.width],
    ['attention.head_count', U32, config.heads],
    ['attention.head_count_kv', U32, config.keyValueHeads],
    ...(ownWidth ? widths : []),
    ['feed_forward_length', U32, config.feedForward],
    ['vocab_size', U32, config.vocabulary],
    ['context_length', U32, config.maxPositions],
    ['rope.freq_base', F32, config.ropeTheta],
    ['attention.layer_norm_rms_epsilon', F32, config.normEpsilon],
  ];
  return [
    ['general.architecture', STRING, architecture],
    ...shape.map(([key, type, value]) => [`${architecture}.${key}`, type, value] as const),
    ['tokenizer.ggml.model', STRING, 'gpt2'],
    ['tokenizer.ggml.pre', STRING, 'gpt-2'],
    ['tokenizer.ggml.tokens', STRING, smallTokens],
    ['tokenizer.ggml.token_type', U32, smallTokens.map((_, id) => (id < 2 ? 3 : id === 2 ? 4 : 1))],
    ['tokenizer.ggml.merges', STRING, smallMerges],
    ['tokenizer.ggml.bos_token_id', U32, 0],
    ['tokenizer.ggml.eos_token_id', U32, 1],
    ['tokenizer.ggml.add_bos_token', BOOL, false],
    ['tokenizer.chat_template', STRING, smallTemplate],
  ];
}

export interface GgufTensorContent {
  readonly name: string;
  /** Innermost axis first, as in the file. */
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** The bytes of a GGUF file, or of its header alone (then of a tensor's bytes only the length counts). */
export function ggufBytes(
  metadata: Metadata,
  tensors: readonly GgufTensorContent[],
  version = 3,
  options: { readonly headerOnly?: boolean } = {},
): Buffer {
  const header: Buffer[] = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(metadata.length)];
  for (const [key, type, value] of metadata) {
    header.push(text(key));
    if (Array.isArray(value))
      header.push(u32(9), u32(type), u64(value.length), ...value.map((entry) => encoded(type, entry)));
    else header.push(u32(type), encoded(type, value));
  }
  let offset = 0;
  for (const { name, dimensions, type, bytes } of tensors) {
    header.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset));
    offset += Math.ceil(bytes.length / 32) * 32;
  }
  if (options.headerOnly) return padded(Buffer.concat(header));
  const parts = [padded(Buffer.concat(header)), ...tensors.map(({ bytes }) => padded(Buffer.from(bytes)))];
  return Buffer.concat(parts);
}

/** GGUF's names of our weights, with Llama's q and k rows in llama.cpp's order: the inverse of what the reader does. */
export function ggufTensors(
  weights: ReadonlyMap<string, WeightTensor>,
  config: LlamaConfig = smallConfig,
): GgufTensorContent[] {
  return [...weights].map(([name, { shape, data }]) => {
    const paired = architectureOf(config) === 'llama' && /[qk]_proj/.test(name);
    const ordered = paired ? pairsTogether(data, config.headWidth, shape[1] ?? 1) : data;
    return {
      name: ggufName(name),
      dimensions: [...shape].reverse(),
      type: 0,
      bytes: new Uint8Array(ordered.slice().buffer),
    };
  });
}

/** A file in memory, for readers that take an opened one. */
export function memoryFile(bytes: Uint8Array, path = '/memory/file'): OpenFile {
  return {
    path,
    size: bytes.length,
    read(target, offset) {
      if (offset + target.length > bytes.length) throw new UserError(`${path} ended at byte ${bytes.length}.`);
      target.set(bytes.subarray(offset, offset + target.length));
    },
    close() {},
  };
}

/** Row s·half + i of a head (half s, pair i) becomes row 2i + s. */
function pairsTogether(data: Float32Array, headWidth: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let head = 0; head < data.length / columns / headWidth; head++) {
    for (let pair = 0; pair < headWidth / 2; pair++) {
      for (const half of [0, 1]) {
        const from = (head * headWidth + half * (headWidth / 2) + pair) * columns;
        result.set(data.subarray(from, from + columns), (head * headWidth + 2 * pair + half) * columns);
      }
    }
  }
  return result;
}

function ggufName(name: string): string {
  const layer = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
  if (!layer)
    return (
      { 'model.embed_tokens.weight': 'token_embd.weight', 'model.norm.weight': 'output_norm.weight' }[name] ??
      'output.weight'
    );
  const parts: Record<string, string> = {
    input_layernorm: 'attn_norm',
    post_attention_layernorm: 'ffn_norm',
    'self_attn.q_proj': 'attn_q',
    'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v',
    'self_attn.o_proj': 'attn_output',
    'mlp.gate_proj': 'ffn_gate',
    'mlp.up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down',
    'self_attn.q_norm': 'attn_q_norm',
    'self_attn.k_norm': 'attn_k_norm',
  };
  return `blk.${layer[1]}.${parts[layer[2]]}.${layer[3]}`;
}

function encoded(type: number, value: unknown): Buffer {
  if (type === STRING) return text(value as string);
  if (type === F32) {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value as number);
    return bytes;
  }
  return type === BOOL ? Buffer.from([value ? 1 : 0]) : u32(value as number);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
}
