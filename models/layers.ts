import { isFrozen, type Matrix, type OpBuilder, type Tensor } from './ops.ts';

/** Low-rank adaptation (Hu et al. 2021): y = W x + scale · B A x on the named modules. */
export interface LoraShape {
  readonly rank: number;
  /** Module names as PEFT lists them: "q_proj", … */
  readonly targetModules: readonly string[];
}

/** What is trained, and how: everything a layer needs besides its operands. */
export interface NetworkContext {
  readonly ops: OpBuilder;
  /** 'base': every weight is a parameter. 'adapter': the base is frozen, and the LoRA matrices are parameters. */
  readonly train: 'base' | 'adapter';
  /** Absent: no adapter is added. */
  readonly lora?: LoraShape;
  /**
   * The LoRA scale (alpha / rank, or 0 for the bare base), a scalar fed at every run; 'folded': the matrices B hold it
   * already. Present with `lora`.
   */
  readonly loraScale?: Tensor | 'folded';
}

/** The name of an adapter tensor in a PEFT file. */
export function adapterName(module: string, part: 'A' | 'B'): string {
  return `base_model.model.${module}.lora_${part}.weight`;
}

/** A matrix of the base: trained, or a frozen handle. */
export function baseMatrix(context: NetworkContext, name: string, shape: readonly [number, number]): Matrix {
  return context.train === 'base' ? context.ops.parameter(name, shape) : context.ops.weight(name, shape);
}

/** A vector of the base (a norm's gain, a bias): trained, or fed. */
export function baseVector(context: NetworkContext, name: string, size: number): Tensor {
  return context.train === 'base' ? context.ops.parameter(name, [size]) : context.ops.input(name, [size]);
}

/**
 * y = x Wᵀ (+ bias) (+ scale · (x Aᵀ) Bᵀ): x [N, in] → [N, out]. `module` is the weight's name without ".weight"; the
 * bias is `${module}.bias`, [out].
 */
export function linear(
  context: NetworkContext,
  x: Tensor,
  module: string,
  shape: readonly [number, number],
  options: { readonly bias?: boolean } = {},
): Tensor {
  const { ops, lora, loraScale } = context;
  const [out, inner] = shape;
  const weight = baseMatrix(context, `${module}.weight`, shape);
  const product = isFrozen(weight) ? ops.frozenLinear(x, weight) : multiply(ops, x, weight); // [N, out]
  const base = options.bias ? ops.add(product, baseVector(context, `${module}.bias`, out)) : product;
  const isTarget = lora?.targetModules.includes(module.slice(module.lastIndexOf('.') + 1));
  if (lora === undefined || loraScale === undefined || !isTarget) return base;
  const down = ops.parameter(adapterName(module, 'A'), [lora.rank, inner]);
  const up = ops.parameter(adapterName(module, 'B'), [out, lora.rank]);
  const projected = multiply(ops, x, down); // [N, rank]
  const low = loraScale === 'folded' ? projected : ops.mul(projected, loraScale);
  return ops.add(base, multiply(ops, low, up));
}

/** x Wᵀ for a trained W [out, in]. */
export function multiply(ops: OpBuilder, x: Tensor, weight: Tensor): Tensor {
  return ops.matMul(x, ops.transpose(weight, [1, 0]));
}

/** Root-mean-square norm (Zhang & Sennrich 2019) with the gain `${module}.weight`: x [N, D] → [N, D]. */
export function norm(context: NetworkContext, x: Tensor, module: string, epsilon: number): Tensor {
  return context.ops.rmsNorm(x, baseVector(context, `${module}.weight`, x.shape[1] as number), epsilon);
}

/** The same where the file's weight is what is added to 1 (Gemma): x [N, D] → [N, D]. */
export function shiftedNorm(context: NetworkContext, x: Tensor, module: string, epsilon: number): Tensor {
  const { ops } = context;
  return ops.rmsNorm(x, ops.add(baseVector(context, `${module}.weight`, x.shape[1] as number), 1), epsilon);
}

/** Layer norm (Ba et al. 2016) with the gain `${module}.weight` and the bias `${module}.bias`: x [N, D] → [N, D]. */
export function layerNorm(context: NetworkContext, x: Tensor, module: string, epsilon: number): Tensor {
  const width = x.shape[1] as number;
  const [gain, bias] = ['weight', 'bias'].map((part) => baseVector(context, `${module}.${part}`, width));
  return context.ops.layerNorm(x, gain, bias, epsilon);
}

/** The gated feed-forward layer, down(activation(gate(x)) · up(x)) (Shazeer 2020): x [N, D] → [N, D]. */
export function gatedFeedForward(
  context: NetworkContext,
  x: Tensor,
  module: string,
  feedForward: number,
  activation: 'silu' | 'gelu' = 'silu',
): Tensor {
  const { ops } = context;
  const width = x.shape[1] as number;
  const gate = linear(context, x, `${module}.gate_proj`, [feedForward, width]); // [N, F]
  const up = linear(context, x, `${module}.up_proj`, [feedForward, width]); // [N, F]
  return linear(context, ops.mul(ops[activation](gate), up), `${module}.down_proj`, [width, feedForward]);
}

/** Added to scores that must not be attended to; finite, so that no row of a softmax is NaN. */
export const masked = -1e9;

/**
 * Causal attention within each segment, in groups of query heads that share a key (Ainslie et al. 2023).
 * query [B, H, T, E] (already divided by √E), key and value [B, K, T, E], mask [B, 1, T, T] → [B, H, T, E].
 */
export function groupedAttention(ops: OpBuilder, query: Tensor, key: Tensor, value: Tensor, mask: Tensor): Tensor {
  const [batch, heads, time, width] = query.shape as number[];
  const groups = key.shape[1] as number;
  const rows = (heads / groups) * time;
  const grouped = ops.reshape(query, [batch, groups, rows, width]);
  const scores = ops.matMul(grouped, ops.transpose(key, [0, 1, 3, 2])); // [B, K, H/K·T, T]
  const weights = ops.softmax(ops.add(ops.reshape(scores, [batch, heads, time, time]), mask));
  const mixed = ops.matMul(ops.reshape(weights, [batch, groups, rows, time]), value);
  return ops.reshape(mixed, [batch, heads, time, width]);
}

/**
 * Attention of T new tokens to a cache and to themselves; the batch and the cache's length are named dimensions.
 * query [B, H, T, E], key and value [B, K, T, E], past key [B, K, E, S] and value [B, K, S, E]; past mask [B, 1, 1, S],
 * or [B, 1, H/K·T, S] where it differs between tokens, and mask [1, 1, T, T] (none for T = 1) hold 0 or `masked` → [B, H, T, E]. The softmax is taken over both parts without
 * joining them.
 */
export function cachedAttention(
  ops: OpBuilder,
  query: Tensor,
  fresh: { readonly key: Tensor; readonly value: Tensor },
  past: { readonly key: Tensor; readonly value: Tensor; readonly mask: Tensor },
  mask: Tensor | undefined,
): Tensor {
  const [batch, heads, time, width] = query.shape;
  const groups = fresh.key.shape[1] as number;
  const rows = ((heads as number) / groups) * (time as number);
  const grouped = ops.reshape(query, [batch, groups, rows, width]);
  const pastScores = ops.add(ops.matMul(grouped, past.key), past.mask); // [B, K, H/K·T, S]
  const ownScores = ops.matMul(grouped, ops.transpose(fresh.key, [0, 1, 3, 2])); // [B, K, H/K·T, T]
  const masking = (added: Tensor) => ops.add(ops.reshape(ownScores, [batch, heads, time, time]), added);
  const own = mask === undefined ? ownScores : ops.reshape(masking(mask), [batch, groups, rows, time]);
  const last = { axes: [3], keepDims: true };
  const largest = ops.maximum(ops.max(pastScores, last), ops.max(own, last));
  const pastWeights = ops.exp(ops.sub(pastScores, largest));
  const ownWeights = ops.exp(ops.sub(own, largest));
  const total = ops.add(ops.sum(pastWeights, last), ops.sum(ownWeights, last));
  const mixed = ops.add(ops.matMul(pastWeights, past.value), ops.matMul(ownWeights, fresh.value));
  return ops.reshape(ops.div(mixed, total), [batch, heads, time, width]);
}
