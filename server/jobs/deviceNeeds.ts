import { weightShapes } from '../../models/network.ts';
import { deviceTitle } from '../devices/choose.ts';
import { type Card, graphicsCards, memoryOf } from '../devices/memory.ts';
import type { Probed } from '../devices/probe.ts';
import { gigabytes } from '../engine/weights/memory.ts';
import { UserError } from '../errors.ts';
import type { DeviceFit, DeviceLimits, DeviceNeed, DoctorReport } from '../protocol/types.ts';
import { defaultConfig } from '../store/projectConfig.ts';
import { listLibrary } from './library.ts';
import { memoryNeeds } from './memoryNeeds.ts';
import { modelDescription } from './modelDescription.ts';

type Settings = Parameters<typeof memoryNeeds>[1];

/** What each device has shown of its limits, where it works and is not the processor. */
export async function deviceLimits(
  probed: readonly Probed[],
  cards: () => Promise<readonly Card[]> = graphicsCards,
): Promise<DeviceLimits[]> {
  const able = probed.filter(({ device, works }) => works && device !== 'cpu');
  const known = able.length > 0 ? await cards() : [];
  return able.map((one) => {
    const { device: name, software, bufferLimit, bufferRefused } = one;
    const memory = memoryOf(one, known);
    return {
      name,
      title: deviceTitle(one),
      software,
      ...(bufferLimit !== undefined && { bufferLimit }),
      ...(bufferRefused !== undefined && { bufferRefused }),
      ...(memory !== undefined && { memory }),
    };
  });
}

/** What training each model of this person takes of a device, and whether it fits on those that work here. */
export async function deviceNeeds(
  limits: readonly DeviceLimits[],
  settings: Settings = defaultConfig(),
): Promise<DeviceNeed[]> {
  const needs: DeviceNeed[] = [];
  for (const { name, path, parameters } of await listLibrary()) {
    // What it will not load for is said by `palate model list`.
    if (parameters === undefined) continue;
    try {
      needs.push(await needOf(name, path, limits, settings));
    } catch (error) {
      // It went away meanwhile.
      if (!(error instanceof UserError)) throw error;
    }
  }
  return needs;
}

async function needOf(
  model: string,
  path: string,
  limits: readonly DeviceLimits[],
  settings: Settings,
): Promise<DeviceNeed> {
  const { config } = await modelDescription(path);
  const uses = await memoryNeeds(path, { ...settings, engine: 'onnx' }, []);
  // Answers are sampled on the processor: neither they nor the program take a device's memory.
  const trained = uses.filter(({ use }) => use === 'sft' || use === 'reward' || use === 'ppo');
  const bytes = Math.max(...trained.map(({ parts }) => parts.base + parts.adapters + parts.graphs));
  const tensors = weightShapes(config).map(([name, shape]) => ({ name, bytes: 4 * shape.reduce((a, b) => a * b, 1) }));
  const largest = tensors.reduce((most, one) => (one.bytes > most.bytes ? one : most));
  const need = { bytes, largest };
  return { model, path, ...need, devices: limits.map((one) => deviceFit(one, need)) };
}

/** Whether a training fits on a device, as far as that is known. */
export function deviceFit(device: DeviceLimits, { bytes, largest }: Pick<DeviceNeed, 'bytes' | 'largest'>): DeviceFit {
  const { name, title, bufferLimit, bufferRefused, memory, software } = device;
  const answer = (fits: boolean | null, message: string) => ({ name, title, fits, message });
  if (bufferRefused !== undefined && largest.bytes >= bufferRefused) {
    return answer(false, `is too small for it: one buffer of ${gigabytes(bufferRefused)} was refused`);
  }
  if (memory !== undefined && bytes > memory) {
    return answer(
      false,
      `is too small for it with its ${gigabytes(memory)}: smaller micro-batches may fit, and are tried before the CPU`,
    );
  }
  if (bufferLimit !== undefined && largest.bytes > bufferLimit) {
    return answer(null, `may do: no buffer of more than ${gigabytes(bufferLimit)} was tried`);
  }
  if (software) return answer(true, "has room for it in the computer's own memory");
  if (memory === undefined) return answer(null, 'may do: how much memory it has is not known');
  return answer(true, `has room for it with its ${gigabytes(memory)}`);
}

/** One line a model. */
export function deviceNeedChecks(needs: readonly DeviceNeed[]): DoctorReport['checks'] {
  return needs.map(({ model, bytes, largest, devices }) => {
    const takes = `training takes about ${gigabytes(bytes)} of a device's memory, ${gigabytes(largest.bytes)} in one buffer (${largest.name})`;
    const fits = devices.map(({ title, message }) => `${title} ${message}`);
    const ok = devices.every((device) => device.fits !== false);
    return { name: `Model ${model}`, ok, optional: true, message: [takes, ...fits].join('; ') };
  });
}
