import { UserError } from './errors.ts';
import type { DeviceChoice, EngineName, Precision } from './protocol/types.ts';

/** Why a training cannot compute so. */
export function precisionProblems(precision: Precision, engine: EngineName, device: DeviceChoice = 'auto'): string[] {
  if (precision === 'float32') return [];
  if (engine !== 'onnx') {
    return [
      `The precision int8-base is for the engine onnx; ${engine} trains in float32. Choose the engine onnx, or the precision float32.`,
    ];
  }
  if (device === 'auto' || device === 'cpu') return [];
  return [
    `The precision int8-base is for the CPU; on the device ${device} the base computes in float32. Choose the device cpu, or the precision float32.`,
  ];
}

/** @throws UserError saying why a training cannot compute so */
export function requirePrecision(precision: Precision, engine: EngineName, device: DeviceChoice): void {
  const [problem] = precisionProblems(precision, engine, device);
  if (problem !== undefined) throw new UserError(problem);
}

/** Where a training of that precision computes: products of bytes are the processor's. */
export function deviceFor(precision: Precision, device: DeviceChoice): DeviceChoice {
  return precision === 'int8-base' ? 'cpu' : device;
}
