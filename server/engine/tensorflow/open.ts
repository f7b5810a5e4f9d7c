import { requireNative } from '../../tensorflow/home.ts';
import { loadNative, usesGpu } from './native.ts';
import { deviceKey, TensorFlowRuntime } from './program.ts';

/**
 * TensorFlow, native.
 *
 * @param threads read when TensorFlow starts, so the first call in a process decides
 * @throws UserError that names the command which sets it up, where it is not
 */
export function openTensorFlow(threads: number): TensorFlowRuntime {
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  const { binding, tfjsNode, libtensorflow } = requireNative();
  const tf = loadNative(binding);
  const device = usesGpu(tf) ? 'GPU' : 'CPU';
  return new TensorFlowRuntime(tf, {
    '@tensorflow/tfjs-node': tfjsNode,
    libtensorflow,
    [deviceKey]: device,
  });
}
