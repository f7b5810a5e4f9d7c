import { findNative, type Native } from '../../server/tensorflow/home.ts';
import { skip } from './skip.ts';

/** The native part of TensorFlow that is set up on this machine. Skips the test where there is none. */
export function nativeTensorflow(context: Mocha.Context): Native {
  return (
    findNative() ?? skip(context, 'the native part of TensorFlow is not set up; npm run setup:tensorflow sets it up')
  );
}
