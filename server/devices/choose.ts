import { cudaProblem } from '../cuda/home.ts';
import { deviceFor } from '../precision.ts';
import type { DeviceChoice, DeviceName, Precision } from '../protocol/types.ts';
import { devicesHere, type Probed, probeDevice } from './probe.ts';

export interface ChosenDevice {
  readonly device: DeviceName;
  /** As a person reads it: "WebGPU (NVIDIA GeForce RTX 4070)". */
  readonly title: string;
  /** What was asked for and could not be had, and why. */
  readonly notice?: string;
}

const titles: Readonly<Record<DeviceName, string>> = {
  cpu: 'CPU',
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  directml: 'DirectML',
  coreml: 'Core ML',
};

export function deviceTitle({ device, adapter }: Pick<Probed, 'device' | 'adapter'>): string {
  return adapter === undefined ? titles[device] : `${titles[device]} (${adapter})`;
}

/**
 * The device that will compute: the one asked for where it has shown that it works; with 'auto' the best one that is
 * real and faster than the processor; else the processor.
 */
export async function chooseDevice(
  choice: DeviceChoice,
  { here = devicesHere(), probe = probeDevice }: { here?: readonly DeviceName[]; probe?: typeof probeDevice } = {},
): Promise<ChosenDevice> {
  if (choice === 'auto') {
    for (const device of here) {
      const probed = await probe(device);
      if (isBetter(probed)) return { device, title: deviceTitle(probed) };
    }
    return { device: 'cpu', title: titles.cpu };
  }
  if (choice === 'cpu') return { device: 'cpu', title: titles.cpu };
  const probed = here.includes(choice)
    ? await probe(choice)
    : { device: choice, works: false, software: false, reason: absence(choice) };
  if (probed.works) return { device: choice, title: deviceTitle(probed) };
  const notice = `The device ${titles[choice]} does not work here (${probed.reason}): the CPU is used instead.`;
  return { device: 'cpu', title: titles.cpu, notice };
}

/** What a person should know where the precision keeps a training from a device that it would have run on. */
export async function passedOver(
  precision: Precision,
  choice: DeviceChoice,
  options: Parameters<typeof chooseDevice>[1] = {},
): Promise<string | undefined> {
  if (deviceFor(precision, choice) === choice) return undefined;
  const { device, title } = await chooseDevice(choice, options);
  if (device === 'cpu') return undefined;
  return `The precision ${precision} computes on the CPU, so ${title} is passed over: with the precision float32 it is used.`;
}

function absence(device: DeviceName): string {
  if (device !== 'cuda' || cudaProblem() !== undefined) return 'onnxruntime has no such provider here';
  return 'its provider is not installed: `palate install-cuda`, in the editor Palate: Install CUDA Support, gets it';
}

function isBetter({ device, works, software, rates }: Probed): boolean {
  if (device === 'cpu') return true;
  return works && !software && rates !== undefined && rates.device > rates.cpu;
}
