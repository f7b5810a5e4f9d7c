/**
 * The one interface between what Palate computes and what computes it.
 *
 * A network, a loss and an optimiser step are plain functions over an `OpBuilder`. The builder decides what a call
 * means: record a node of an ONNX graph, run it at once in TensorFlow, or compute it in Float64 as the oracle of tests.
 *
 * Conventions. Tensors have rank ≤ 4 and are float32; indices are int32; comparisons give bool, which only `where`,
 * `and` and `toFloat` read. Binary operations broadcast as in NumPy. A dimension may be a name (`'batch'`) only in
 * decode graphs. Every operation throws a `ShapeError` that names itself and the shapes it was given.
 */
export type Dimension = number | string;
export type Shape = readonly Dimension[];
export type DType = 'float32' | 'int32' | 'bool';

/** A value inside a builder. Opaque: only the builder that made it may look inside. */
export interface Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * A frozen matrix [out, in] of the base model. How it is kept (float32, int8, packed, on the GPU) is the builder's
 * business, so it is not a tensor: it can only be multiplied with, looked up in, or scored against.
 */
export interface FrozenWeight {
  readonly frozen: true;
  readonly name: string;
  readonly shape: readonly [number, number];
}

export type Matrix = Tensor | FrozenWeight;

export function isFrozen(matrix: Matrix): matrix is FrozenWeight {
  return 'frozen' in matrix;
}

export class ShapeError extends Error {
  constructor(op: string, shapes: readonly Shape[], reason: string) {
    super(`${op}(${shapes.map((shape) => `[${shape.join(', ')}]`).join(', ')}): ${reason}`);
    this.name = 'ShapeError';
  }
}

export interface OpBuilder {
  // --- leaves -------------------------------------------------------------------------------------------------------
  /** A value fed at every run: data, or a frozen vector of the base. No gradient flows into it. */
  input(name: string, shape: Shape, dtype?: DType): Tensor;
  /** A trainable tensor, fed at every run. The same name gives the same tensor. */
  parameter(name: string, shape: readonly number[]): Tensor;
  /** A frozen matrix of the base model. The same name gives the same handle. */
  weight(name: string, shape: readonly [number, number]): FrozenWeight;
  /** A constant; `shape` defaults to a scalar (one value) or a vector. */
  constant(values: number | readonly number[], shape?: readonly number[], dtype?: DType): Tensor;

  // --- elementwise, two operands (a number stands for a scalar) -----------------------------------------------------
  add(a: Tensor, b: Tensor | number): Tensor;
  sub(a: Tensor | number, b: Tensor | number): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  div(a: Tensor | number, b: Tensor | number): Tensor;
  /** At ties the gradient goes to `a` alone. */
  maximum(a: Tensor, b: Tensor | number): Tensor;
  /** At ties the gradient goes to `a` alone. */
  minimum(a: Tensor, b: Tensor | number): Tensor;

  // --- elementwise, one operand -------------------------------------------------------------------------------------
  neg(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  /** log(1 + e^x) without overflow. −log σ(x) is softplus(−x). */
  softplus(x: Tensor): Tensor;
  /** x · σ(x) */
  silu(x: Tensor): Tensor;
  /** ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), the form of GELU (Hendrycks & Gimpel 2016) that models were trained with. */
  gelu(x: Tensor): Tensor;

  // --- comparison; operands are detached ----------------------------------------------------------------------------
  less(a: Tensor, b: Tensor | number): Tensor;
  greaterEqual(a: Tensor, b: Tensor | number): Tensor;
  equal(a: Tensor, b: Tensor | number): Tensor;
  and(a: Tensor, b: Tensor): Tensor;
  /** 1 where true, 0 where false; also int32 → float32. No gradient. */
  toFloat(x: Tensor): Tensor;
  where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor;

  // --- reductions: over `axes` (all when absent), which are dropped unless `keepDims` -------------------------------
  sum(x: Tensor, options?: ReduceOptions): Tensor;
  mean(x: Tensor, options?: ReduceOptions): Tensor;
  /** At ties each tied entry receives the whole gradient. */
  max(x: Tensor, options?: ReduceOptions): Tensor;
  /** Over the last axis. */
  softmax(x: Tensor): Tensor;

  // --- shape --------------------------------------------------------------------------------------------------------
  /** At most one dimension of `shape` may be a name. */
  reshape(x: Tensor, shape: Shape): Tensor;
  transpose(x: Tensor, permutation: readonly number[]): Tensor;
  broadcastTo(x: Tensor, shape: readonly number[]): Tensor;
  /** Entries `start` (inclusive) to `end` (exclusive, may be negative or omitted) of one axis. */
  slice(x: Tensor, axis: number, start: number, end?: number): Tensor;
  concat(parts: readonly Tensor[], axis: number): Tensor;
  /** Rows `index` [M] of x [N, D] → [M, D]; an index outside 0…N−1 is an error or undefined, never a silent zero. */
  gatherRows(x: Tensor, index: Tensor): Tensor;
  /** The adjoint of gatherRows: sums the rows of updates [M, D] into zeros [rows, D] at `index` [M]. */
  scatterAddRows(updates: Tensor, index: Tensor, rows: number): Tensor;

  // --- linear algebra -----------------------------------------------------------------------------------------------
  /** [M, K] × [K, N], or equal leading dimensions: […, M, K] × […, K, N]. */
  matMul(a: Tensor, b: Tensor): Tensor;
  /** x [N, in] · weightᵀ → [N, out]. Forward and dx only, never dW. */
  frozenLinear(x: Tensor, weight: FrozenWeight): Tensor;
  /** The adjoint of frozenLinear in x: y [N, out] · weight → [N, in]. Not differentiable. */
  frozenLinearAdjoint(y: Tensor, weight: FrozenWeight): Tensor;
  /** Rows `ids` [N] of the embedding [V, D] → [N, D]. */
  embedding(embedding: Matrix, ids: Tensor): Tensor;

  // --- the network's own --------------------------------------------------------------------------------------------
  /** x / √(mean(x²) + ε) · gain over the last axis; x [N, D], gain [D]. */
  rmsNorm(x: Tensor, gain: Tensor, epsilon: number): Tensor;
  /** (x − mean(x)) / √(variance(x) + ε) · gain + bias over the last axis; x [N, D], gain and bias [D]. */
  layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor;
  /** Rotates the two halves of the last axis: x [B, H, T, E], cos and sin [B, 1, T, E/2]. (Su et al. 2021, "half" form) */
  rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor;
  /**
   * log softmax(h Eᵀ / temperature) at `target`: hidden [P, D], embedding [V, D], target [P] int32, temperature scalar
   * → [P] nats. Computed in chunks of 256 rows; nothing of size P·V outlives its chunk. The temperature gets no gradient.
   */
  tokenLogProbability(hidden: Tensor, embedding: Matrix, target: Tensor, temperature: Tensor): Tensor;
  /** The entropy of the same distribution → [P] nats. */
  tokenEntropy(hidden: Tensor, embedding: Matrix, temperature: Tensor): Tensor;

  // --- gradient control ---------------------------------------------------------------------------------------------
  stopGradient(x: Tensor): Tensor;
  /** Marks `fn` as a stretch that is recomputed in the backward pass instead of kept. `fn` is called more than once. */
  segment(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor;
}

export interface ReduceOptions {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}
