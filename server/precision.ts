import { UserError } from './errors.ts';
import type { EngineName, Precision } from './protocol/types.ts';

/** Why a training cannot compute so. */
export function precisionProblems(precision: Precision, engine: EngineName): string[] {
  if (precision === 'float32' || engine === 'onnx') return [];
  return [
    `The precision int8-base is for the engine onnx; ${engine} trains in float32. Choose the engine onnx, or the precision float32.`,
  ];
}

/** @throws UserError saying why a training cannot compute so */
export function requirePrecision(precision: Precision, engine: EngineName): void {
  const [problem] = precisionProblems(precision, engine);
  if (problem !== undefined) throw new UserError(problem);
}
