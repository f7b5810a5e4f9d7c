import { UserError } from '../../../errors.ts';

/** The device's memory, or one buffer's limit, does not suffice: less at once may. */
export class DeviceMemoryError extends UserError {}

const outOfMemory =
  /out[ _]of[ _](device[ _]|host[ _])?memory|ran out of memory|failed to allocate|failed to create GPU buffer|not enough memory|E_OUTOFMEMORY/i;
/** WebGPU's own error goes to the log alone; what is thrown is that the buffer it could not have is used. */
const buffersLacking = /\[Invalid Buffer\b.*\] is invalid due to a previous error/;
const bufferLimit = /size \((\d+)\)[^(]* exceeds the max[^(]*\((\d+)\)/i;

/** What a device's error is for a person: lack of memory is told apart, everything else stays as it is. */
export function deviceFailure(device: string, error: unknown): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  if (failure instanceof UserError) return failure;
  const [, asked, limit] = bufferLimit.exec(failure.message) ?? [];
  if (asked !== undefined) {
    return new DeviceMemoryError(
      `${device}: one buffer of ${asked} bytes was needed, and the device allows ${limit}.`,
      { cause: error },
    );
  }
  if (outOfMemory.test(failure.message) || buffersLacking.test(failure.message)) {
    return new DeviceMemoryError(`${device}: the device has no memory left.`, { cause: error });
  }
  return failure;
}
