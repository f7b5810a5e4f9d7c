import type { DeviceName } from '../../protocol/types.ts';
import type { Build, CompileOptions, Runtime, Session } from '../runtime.ts';
import { compileGraph } from './program.ts';
import { openSession } from './sessions.ts';
import { deviceFailure } from './webgpu/failures.ts';

/** What onnxruntime-node calls the providers that are fed from the host. */
const providers = { cuda: 'cuda', directml: 'dml', coreml: 'coreml' } as const;
export type ProviderDevice = keyof typeof providers;

/** onnxruntime on a device that is fed from the host at every run: CUDA, DirectML, Core ML. */
export function providerRuntime(device: ProviderDevice): Runtime {
  return {
    name: 'onnx',
    device: device satisfies DeviceName,
    alwaysRecomputes: false,
    weightBytes: () => 0,
    async release() {},
    async compile(build: Build, options: CompileOptions = {}): Promise<Session> {
      if (options.precision === 'int8-base') throw new Error(`The products of bytes are not for ${device}.`);
      const told = <T>(work: Promise<T>) =>
        work.catch((error: unknown) => {
          throw deviceFailure(device, error);
        });
      const session = await told(openSession(compileGraph(build, options), [providers[device], 'cpu']));
      return { ...session, run: (feeds, into) => told(session.run(feeds, into)) };
    },
  };
}
