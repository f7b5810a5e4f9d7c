import type { DeviceName, TrainingForecast } from '../protocol/types.ts';
import { deviceTitle } from './choose.ts';
import { devicesHere, type Probed, probeDevice } from './probe.ts';

/** What onnxruntime can compute on here, the best first, with what each has shown in a sentence. */
export async function deviceStates(
  here: readonly DeviceName[] = devicesHere(),
  probe: typeof probeDevice = probeDevice,
): Promise<TrainingForecast['devices']> {
  const probed = await Promise.all(here.map((device) => probe(device)));
  return probed.map((one) => ({
    name: one.device,
    title: deviceTitle(one),
    ready: one.works,
    message: sentence(one),
  }));
}

function sentence({ device, works, reason, software, rates, bufferLimit }: Probed): string {
  if (device === 'cpu') return 'works everywhere';
  if (!works) return `does not work here: ${reason}`;
  const parts = ['computes a training step as the CPU does'];
  if (software) parts.push('but in software, on the CPU: it is never chosen by itself');
  if (rates !== undefined) {
    parts.push(`a matrix product at ${rates.device.toPrecision(2)} GFLOP/s (the CPU: ${rates.cpu.toPrecision(2)})`);
  }
  if (bufferLimit !== undefined) parts.push(`one buffer holds at least ${(bufferLimit / 2 ** 20).toFixed(0)} MiB`);
  return parts.join('; ');
}
