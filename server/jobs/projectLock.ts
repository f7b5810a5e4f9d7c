import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { describeHolder, type LockHolder, lockHolder, takeLock } from '../lock.ts';
import type { ProjectFolder } from '../protocol/types.ts';

const beatMilliseconds = 5000;

export function trainingLockPath(project: ProjectFolder): string {
  return join(project, '.palate', 'training.lock');
}

/** Holds the project for one training job of this process. */
export interface TrainingLock {
  release(): void;
}

/**
 * Takes the project for training, and keeps its heartbeat.
 *
 * @param onLost called where another process took it over, as it may after a long suspension
 * @throws UserError saying where a training is under way
 */
export function takeTrainingLock(project: ProjectFolder, run: string, onLost: () => void): TrainingLock {
  const path = trainingLockPath(project);
  const taken = takeLock(path, { subject: run });
  if ('holder' in taken) throw trainingElsewhere(path, taken.holder);
  const { lock } = taken;
  const timer = setInterval(() => {
    if (lock.beat()) return;
    clearInterval(timer);
    onLost();
  }, beatMilliseconds);
  timer.unref();
  const release = () => {
    clearInterval(timer);
    process.off('exit', release);
    lock.release();
  };
  process.on('exit', release);
  return { release };
}

/** The run that another process, or this one, trains in the project, if any. */
export function trainingHolder(project: ProjectFolder): LockHolder | undefined {
  return lockHolder(trainingLockPath(project));
}

/** "Training is under way in this project: run …" */
export function trainingElsewhere(path: string, holder: LockHolder): UserError {
  const run = holder.subject === undefined ? '' : `run ${holder.subject}, `;
  return new UserError(
    `A training is under way in this project (${run}${describeHolder(path, holder)}). ` +
      'It can be followed here; stop it where it was started, or wait for its end.',
  );
}
