import * as tf from '@tensorflow/tfjs';
import { TensorFlowRuntime } from '../../server/engine/tensorflow/program.ts';

export const tensorflow = new TensorFlowRuntime(tf);
