import type { DeviceName } from '../../protocol/types.ts';
import type { Runtime } from '../runtime.ts';
import { onnx } from './program.ts';
import { providerRuntime } from './provider.ts';
import { WebGpuRuntime } from './webgpu/runtime.ts';

/** onnxruntime on a device. Nothing is opened there yet. */
export function runtimeOn(device: DeviceName): Runtime {
  if (device === 'cpu') return onnx;
  return device === 'webgpu' ? new WebGpuRuntime() : providerRuntime(device);
}
