import { findNative } from '../../tensorflow/home.ts';
import { loadNative } from './native.ts';
import { TensorFlowRuntime } from './program.ts';

/**
 * TensorFlow, native.
 *
 * @param threads read when TensorFlow starts, so the first call in a process decides
 * @throws UserError that names the command which sets it up, where it is not
 */
export function openTensorFlow(threads: number): TensorFlowRuntime {
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  const native = findNative();
  const tf = loadNative(native?.binding);
  const versions: Record<string, string> = native
    ? { '@tensorflow/tfjs-node': native.tfjsNode, libtensorflow: native.libtensorflow }
    : {};
  return new TensorFlowRuntime(tf, versions);
}
