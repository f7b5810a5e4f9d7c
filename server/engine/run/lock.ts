import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { describeHolder, takeLock } from '../../lock.ts';

export const runLockName = 'lock.json';

/** Holds a run's folder for this process. */
export interface RunLock {
  /** Call often. Throws a UserError where another process took the run over, as it may after a long suspension. */
  beat(): void;
  release(): void;
}

/**
 * Takes the lock of a run's folder.
 *
 * @throws UserError where another process is training there
 */
export function takeRunLock(folder: string): RunLock {
  const path = join(folder, runLockName);
  const taken = takeLock(path);
  if ('holder' in taken) {
    throw new UserError(
      `A training is under way in ${folder} (${describeHolder(path, taken.holder)}). ` +
        'Stop it first, or choose another folder.',
    );
  }
  const { lock } = taken;
  return {
    beat() {
      if (lock.beat()) return;
      throw new UserError(
        `Another process took the run over: ${path} is no longer this process's. Training stopped here.`,
      );
    },
    release: () => lock.release(),
  };
}
