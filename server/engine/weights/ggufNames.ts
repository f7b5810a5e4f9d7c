import type { FamilyName } from './families.ts';

/** How GGUF files name and order what Hugging Face files hold, both ways. */

/** The tensor of one divisor for each rotary pair. */
export const DIVISORS = 'rope_freqs.weight';

type Names = Readonly<Record<string, string>>;
const OUTER_PARTS: Names = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};
const LAYER_PARTS: Names = {
  'attn_norm.weight': 'input_layernorm.weight',
  'attn_q.weight': 'self_attn.q_proj.weight',
  'attn_k.weight': 'self_attn.k_proj.weight',
  'attn_v.weight': 'self_attn.v_proj.weight',
  'attn_output.weight': 'self_attn.o_proj.weight',
  'ffn_norm.weight': 'post_attention_layernorm.weight',
  'ffn_gate.weight': 'mlp.gate_proj.weight',
  'ffn_up.weight': 'mlp.up_proj.weight',
  'ffn_down.weight': 'mlp.down_proj.weight',
};
const BIASES: Names = {
  'attn_q.bias': 'self_attn.q_proj.bias',
  'attn_k.bias': 'self_attn.k_proj.bias',
  'attn_v.bias': 'self_attn.v_proj.bias',
};

/** What llama.cpp reads in a model of each family. */
interface FamilyParts {
  readonly outer: Names;
  /** What Hugging Face's names of a layer's tensors begin with. */
  readonly layers: string;
  readonly layer: Names;
}
const LLAMA: FamilyParts = { outer: OUTER_PARTS, layers: 'model.layers', layer: LAYER_PARTS };
const FAMILY_PARTS: Readonly<Record<FamilyName, FamilyParts>> = {
  llama: { ...LLAMA, layer: { ...LAYER_PARTS, ...BIASES, 'attn_output.bias': 'self_attn.o_proj.bias' } },
  qwen2: { ...LLAMA, layer: { ...LAYER_PARTS, ...BIASES } },
  qwen3: {
    ...LLAMA,
    layer: {
      ...LAYER_PARTS,
      'attn_q_norm.weight': 'self_attn.q_norm.weight',
      'attn_k_norm.weight': 'self_attn.k_norm.weight',
    },
  },
  gemma: LLAMA,
  gemma3: {
    ...LLAMA,
    layer: {
      ...LAYER_PARTS,
      'attn_q_norm.weight': 'self_attn.q_norm.weight',
      'attn_k_norm.weight': 'self_attn.k_norm.weight',
      'post_attention_norm.weight': 'post_attention_layernorm.weight',
      'ffn_norm.weight': 'pre_feedforward_layernorm.weight',
      'post_ffw_norm.weight': 'post_feedforward_layernorm.weight',
    },
  },
  gpt2: {
    outer: {
      'token_embd.weight': 'transformer.wte.weight',
      'position_embd.weight': 'transformer.wpe.weight',
      'output.weight': 'lm_head.weight',
      ...withBias('output_norm', 'transformer.ln_f'),
    },
    layers: 'transformer.h',
    layer: {
      ...withBias('attn_norm', 'ln_1'),
      ...withBias('attn_qkv', 'attn.c_attn'),
      ...withBias('attn_output', 'attn.c_proj'),
      ...withBias('ffn_norm', 'ln_2'),
      ...withBias('ffn_up', 'mlp.c_fc'),
      ...withBias('ffn_down', 'mlp.c_proj'),
    },
  },
};

function withBias(gguf: string, huggingFace: string): Names {
  return { [`${gguf}.weight`]: `${huggingFace}.weight`, [`${gguf}.bias`]: `${huggingFace}.bias` };
}

/** Hugging Face's name of a tensor, or undefined where the family has no such tensor. */
export function huggingFaceName(name: string, family: FamilyName): string | undefined {
  const parts = FAMILY_PARTS[family];
  const [, layer, part] = /^blk\.(0|[1-9]\d{0,5})\.([\w.]+)$/.exec(name) ?? [];
  if (layer === undefined) return nameIn(parts.outer, name);
  const found = nameIn(parts.layer, part);
  return found === undefined ? undefined : `${parts.layers}.${layer}.${found}`;
}

/** GGUF's name of a weight, or undefined where llama.cpp reads none such in a model of the family. */
export function ggufName(name: string, family: FamilyName): string | undefined {
  const parts = FAMILY_PARTS[family];
  const [, layer, part] = /^[a-z]+\.[a-z]+\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined || !name.startsWith(`${parts.layers}.`)) return nameIn(inverse(parts.outer), name);
  const found = nameIn(inverse(parts.layer), part);
  return found === undefined ? undefined : `blk.${layer}.${found}`;
}

function nameIn(names: Names, name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

function inverse(names: Names): Names {
  return Object.fromEntries(Object.entries(names).map(([gguf, huggingFace]) => [huggingFace, gguf]));
}

/** Whose rows these are, and how many of them a head has. */
export interface RowLayout {
  readonly family: FamilyName;
  readonly headWidth: number;
}

/**
 * Whether a tensor's rows are in llama.cpp's order: of Llama's q and k the two numbers of a rotary pair are neighbours.
 * Hugging Face, Palate, and Qwen's files keep the first halves of all pairs of a head and then the second halves.
 */
export function hasPairedRows(name: string, family: FamilyName): boolean {
  return family === 'llama' && /self_attn\.[qk]_proj\.(weight|bias)$/.test(name);
}

/** Whether llama.cpp keeps a norm's whole gain, and Hugging Face (and Palate) what is added to 1: Gemma's. */
export function isShiftedNorm(name: string, family: FamilyName): boolean {
  return (family === 'gemma' || family === 'gemma3') && name.endsWith('norm.weight');
}

/**
 * Row 2i + s of each head (pair i, member s) goes to row s·(headWidth / 2) + i; whole heads of rows of equal length. The
 * rows of `data` itself are moved.
 */
export function splitRotaryPairs(data: Float32Array, paired: PairedRows): Float32Array {
  const half = paired.headWidth / 2;
  return reorder(data, paired, (inHead) => (inHead % 2) * half + Math.floor(inHead / 2));
}

/** The other way, in a copy: row s·(headWidth / 2) + i of each head goes to row 2i + s. */
export function joinRotaryPairs(data: Float32Array, paired: PairedRows): Float32Array {
  const half = paired.headWidth / 2;
  return reorder(data.slice(), paired, (inHead) => 2 * (inHead % half) + Math.floor(inHead / half));
}

interface PairedRows {
  readonly headWidth: number;
  /** Numbers in a row: 1 in a bias. */
  readonly columns: number;
}

function reorder(data: Float32Array, { headWidth, columns }: PairedRows, target: (inHead: number) => number) {
  const size = headWidth * columns;
  for (let start = 0; start < data.length; start += size) {
    const head = data.slice(start, start + size);
    for (let row = 0; row < headWidth; row++) {
      data.set(head.subarray(row * columns, (row + 1) * columns), start + target(row) * columns);
    }
  }
  return data;
}
