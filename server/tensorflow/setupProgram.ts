/**
 * A program, forked by setupProcess.ts: sets up the native part of TensorFlow, or checks what is installed, and tells its
 * parent how it goes. Unpacking a gigabyte would keep a server's event loop busy. It ends with its parent.
 */
import { UserError } from '../errors.ts';
import { checkInstalled, setUpTensorflow } from './setup.ts';
import type { SetupMessage, SetupTask } from './setupProcess.ts';
import type { SetupStage } from './source.ts';

/** Between two messages about one stage. */
const milliseconds = 100;

const { check, ...options }: SetupTask = JSON.parse(process.argv[2]);
const controller = new AbortController();
process.on('message', () => controller.abort());
process.on('disconnect', () => controller.abort());
await tell(await ending());
if (process.connected) process.disconnect();

async function ending(): Promise<SetupMessage> {
  let told = { stage: '', at: 0 };
  const work = {
    signal: controller.signal,
    say: (sentence: string) => void tell({ kind: 'said', sentence }),
    progress(stage: SetupStage, done: number, total: number) {
      const now = performance.now();
      if (stage === told.stage && done < total && now - told.at < milliseconds) return;
      told = { stage, at: now };
      void tell({ kind: 'progress', stage, done, total });
    },
  };
  try {
    const result = await (check ? checkInstalled : setUpTensorflow)({ ...work, ...options });
    return { kind: 'done', result };
  } catch (error) {
    if (controller.signal.aborted) return { kind: 'stopped' };
    const userFacing = error instanceof UserError;
    return { kind: 'failed', message: userFacing ? error.message : `${(error as Error)?.stack ?? error}`, userFacing };
  }
}

function tell(message: SetupMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}
