import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A graphics card with memory of its own. */
export interface Card {
  /** As its driver calls it; of AMD's, the maker alone. */
  readonly name: string;
  /** Bytes of its memory. */
  readonly bytes: number;
}

/** The cards that tell how much memory they have: NVIDIA's by nvidia-smi, AMD's on Linux by the kernel. */
export async function graphicsCards(
  options: { readonly program?: string; readonly folder?: string } = {},
): Promise<Card[]> {
  const { program = 'nvidia-smi', folder = '/sys/class/drm' } = options;
  return [...(await nvidiaCards(program)), ...amdCards(folder)];
}

/** The memory of the card that a device computes on; undefined where that is not known. */
export function memoryOf(
  { device, adapter, software }: { readonly device: string; readonly adapter?: string; readonly software: boolean },
  cards: readonly Card[],
): number | undefined {
  if (software) return undefined;
  if (device === 'cuda') return cards.find(({ name }) => /nvidia|geforce|tesla/i.test(name))?.bytes;
  if (adapter === undefined) return cards.length === 1 ? cards[0].bytes : undefined;
  const named = cards.find(({ name }) => adapter.includes(name) || name.includes(adapter));
  return (named ?? cards.find(({ name }) => name === 'AMD' && /\b(AMD|Radeon)\b/i.test(adapter)))?.bytes;
}

function nvidiaCards(program: string): Promise<Card[]> {
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
  return new Promise((resolve) => {
    execFile(program, query, { timeout: 5000, killSignal: 'SIGKILL' }, (error, stdout) => {
      if (error) return resolve([]);
      const lines = stdout.split('\n').map((line) => /^(.+), (\d+)$/.exec(line.trim()));
      resolve(lines.filter((match) => match !== null).map(([, name, mebibytes]) => card(name, Number(mebibytes))));
    });
  });
}

const card = (name: string, mebibytes: number): Card => ({ name, bytes: mebibytes * 2 ** 20 });

function amdCards(folder: string): Card[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^card\d+$/.test(name))
      .map((name) => Number(readOr(join(folder, name, 'device', 'mem_info_vram_total'))))
      .filter((bytes) => bytes > 0)
      .map((bytes) => ({ name: 'AMD', bytes }));
  } catch {
    return [];
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
