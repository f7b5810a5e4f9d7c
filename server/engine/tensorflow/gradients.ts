import type * as tfjs from '@tensorflow/tfjs';
import type { TensorFlow } from './kernels.ts';

/**
 * d (y · dy) / dx for each x, by tfjs's tape; zeros where y does not depend on x. `dy` is 1 when absent.
 *
 * It may be called within the backward pass of another call, as segments do. tfjs forgets the outer tape then, and would
 * fail when it comes to free it: so the tape is put back.
 */
export function gradientsOf(
  tf: TensorFlow,
  y: () => tfjs.Tensor,
  xs: readonly tfjs.Tensor[],
  dy?: tfjs.Tensor,
): tfjs.Tensor[] {
  if (xs.length === 0) {
    y().dispose();
    return [];
  }
  const engine = tf.engine();
  const { activeTape } = engine.state;
  try {
    const { value, grads } = engine.gradients(y, [...xs], dy, true);
    value.dispose();
    return xs.map((x, k) => grads[k] ?? tf.zeros(x.shape));
  } catch (error) {
    // What the tape saved would outlive the scope that failed.
    if (engine.state.activeTape !== activeTape) {
      for (const { saved } of engine.state.activeTape ?? []) for (const tensor of saved ?? []) tensor.dispose();
    }
    throw error;
  } finally {
    engine.state.activeTape = activeTape;
  }
}
