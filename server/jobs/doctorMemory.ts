import { availableMemory, gigabytes } from '../engine/weights/memory.ts';
import type { EngineDescription } from '../protocol/engine.ts';
import type { DoctorReport, EngineName, MemoryNeed } from '../protocol/types.ts';

type Check = DoctorReport['checks'][number];

const titles: Readonly<Record<MemoryNeed['use'], string>> = {
  sft: 'SFT',
  reward: 'the reward model',
  ppo: 'PPO',
  generate: 'generating',
  score: 'scoring',
};

/** What the engine holds at the moment: the base once, and what stands on it. */
export function heldCheck({ memory, held }: EngineDescription): Check {
  const name = 'Memory in use';
  if (!held) return { name, ok: true, message: `no model is loaded; the engine takes ${gigabytes(memory.resident)}` };
  const { base, secondCopy, adapters, graphs } = held;
  const parts = [
    `the base ${base.path} once, ${gigabytes(base.bytes)}, for all`,
    ...(secondCopy > 0 ? [`TensorFlow's copy of it, ${gigabytes(secondCopy)}`] : []),
    ...adapters.map(({ role, bytes }) => `${role} ${gigabytes(bytes)}`),
    ...(graphs > 0 ? [`open graphs about ${gigabytes(graphs)}`] : []),
  ];
  return { name, ok: true, message: `${gigabytes(memory.resident)}: ${parts.join(', ')}` };
}

/** What each use of the model will take at its peak, and whether it fits. */
export function needsCheck(needs: readonly MemoryNeed[], engine: EngineName, available = availableMemory()): Check {
  const name = 'Memory needed';
  const each = needs.map(({ use, bytes }) => `${titles[use]} ${gigabytes(bytes)}`).join(', ');
  const [largest] = [...needs].sort((a, b) => b.bytes - a.bytes);
  const found = `on ${engine} at most about: ${each}; ${gigabytes(available)} is available`;
  if (!largest || largest.bytes <= available) return { name, ok: true, message: found };
  const message = `${found}. That is too little for ${titles[largest.use]}: set "recompute": true or lower "microBatchTokens" in the stages of palate.json, take a smaller model, or close other programs.`;
  return { name, ok: false, message };
}
