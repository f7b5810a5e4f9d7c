import type { OpBuilder, Tensor } from '../../../models/ops.ts';

/** √Σ g² over all the given vectors: a scalar. */
export function globalNorm(ops: OpBuilder, gradients: readonly Tensor[]): Tensor {
  return ops.sqrt(gradients.map((gradient) => ops.sum(ops.square(gradient))).reduce((a, b) => ops.add(a, b)));
}

/** min(1, limit / (norm + 1e-6)): what gradients are multiplied with (Pascanu et al. 2013; PyTorch's clip_grad_norm_). */
export function clipFactor(ops: OpBuilder, norm: Tensor, limit: number): Tensor {
  return ops.minimum(ops.div(limit, ops.add(norm, 1e-6)), 1);
}
