import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runLockName } from '../engine/run/lock.ts';
import { manifestName } from '../engine/run/manifest.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import { outcomeName } from './outcome.ts';
import { runParametersName } from './runParameters.ts';
import { isRunAlive, runsFolder } from './runs.ts';

/** Of a run that is under way, so at most four changes a second; and of all others. */
const busyMilliseconds = 250;
const quietMilliseconds = 1000;
const watched = [manifestName, runParametersName, 'metrics.jsonl', 'samples.jsonl', outcomeName];

const alive = 'alive';
const absent = '-';

export interface RunWatcher {
  close(): void;
}

/**
 * Tells of runs whose files came, grew, changed or went, whichever process writes them, and of runs that are under way
 * no more: a killed process changes no file. Files are looked at, not subscribed to: a log that is appended to is told
 * differently, late or not at all by each system and each network drive.
 */
export function watchRuns(project: ProjectFolder, onChange: (run: string) => void): RunWatcher {
  let before: Map<string, string> | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const now = await signatures(project);
    if (closed) return;
    if (before) {
      for (const run of new Set([...now.keys(), ...before.keys()])) {
        if (now.get(run) !== before.get(run)) onChange(run);
      }
    }
    before = now;
    const busy = [...now.values()].some((signature) => signature.startsWith(alive));
    timer = setTimeout(again, busy ? busyMilliseconds : quietMilliseconds);
    timer.unref();
  }

  /** A folder that cannot be read now may be read later. */
  const again = () =>
    void look().catch(() => {
      if (closed) return;
      timer = setTimeout(again, quietMilliseconds);
      timer.unref();
    });
  again();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** A text for each run that changes when anything about it does. */
async function signatures(project: ProjectFolder): Promise<Map<string, string>> {
  const folder = runsFolder(project);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const runs = names.filter((name) => !name.startsWith('.'));
  const entries = runs.map(async (run): Promise<[string, string]> => {
    const stamps = await Promise.all(watched.map((name) => stamp(join(folder, run, name))));
    // Who holds a lock is asked only where there is one: it costs a look at the process.
    const locked = (await stamp(join(folder, run, runLockName))) !== absent;
    return [run, `${locked && isRunAlive(project, run) ? alive : 'still'} ${stamps.join(' ')}`];
  });
  return new Map(await Promise.all(entries));
}

async function stamp(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  return status ? `${status.size}/${status.mtimeMs}` : absent;
}
