/**
 * `node check.js BINDING`: loads the native part and computes a gradient whose numbers are known. Prints one JSON line
 * (NativeCheck in server/tensorflow/check.ts) or throws.
 */
import { loadNative, usesGpu } from './native.ts';

const tf = loadNative(process.argv[2]);
const left = tf.tensor2d([1, 2, 3, 4], [2, 2]);
const right = tf.tensor2d([5, 6, 7, 8], [2, 2]);
const weight = tf.tensor2d([1, 2, 3, 4], [2, 2]);
// f = Σ weight · (left right), so df/dleft = weight rightᵀ and df/dright = leftᵀ weight.
const gradients = tf.grads((a, b) => tf.sum(tf.mul(weight, tf.matMul(a, b))))([left, right]);
const found = gradients.map((gradient) => [...gradient.dataSync()]);
const expected = [
  [17, 23, 39, 53],
  [10, 14, 14, 20],
];
if (tf.getBackend() !== 'tensorflow') throw new Error(`the backend is ${tf.getBackend()} instead of tensorflow`);
if (JSON.stringify(found) !== JSON.stringify(expected)) {
  throw new Error(`the gradient of a matMul is ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}
const { binding } = tf.backend() as unknown as { readonly binding: { readonly TF_Version: string } };
console.log(JSON.stringify({ libtensorflow: binding.TF_Version, node: process.versions.node, gpu: usesGpu(tf) }));
