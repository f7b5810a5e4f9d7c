import * as plain from '@tensorflow/tfjs';
import { loadNative } from '../../server/engine/tensorflow/native.ts';
import { TensorFlowRuntime } from '../../server/engine/tensorflow/program.ts';
import { findNative } from '../../server/tensorflow/home.ts';

/** Native where it is set up; otherwise plain tfjs, which is slow, but computes the same on a tiny scale. */
export const tf: typeof plain = findNative() === undefined ? plain : loadNative();

/** A runtime with no weights in it yet. */
export const openTensorFlow = () => new TensorFlowRuntime(tf);

export const tensorflow = openTensorFlow();
