import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Where a labelling process can be told to die. */
export const moments = [
  'before opening',
  'opened',
  'before writing',
  'half written',
  'written but its end',
  'written',
  'before flushing',
  'flushed',
  'before closing',
  'closed',
] as const;
export type Moment = (typeof moments)[number];

export interface LabellingProcess {
  readonly folder: string;
  readonly annotator: string;
  readonly count: number;
  readonly moment?: Moment;
  /** Kill it from outside when so many decisions were acknowledged. */
  readonly killAfter?: number;
}

/** Starts killableStore.ts, and answers the ids that it acknowledged and how it ended. */
export async function labelApart(
  program: string,
  { folder, annotator, count, moment, killAfter }: LabellingProcess,
): Promise<{ acknowledged: string[]; signal: string | null; code: number | null }> {
  const child = fork(program, [folder, annotator, String(count), ...(moment ? [moment] : [])], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const acknowledged: string[] = [];
  child.on('message', (id) => {
    acknowledged.push(String(id));
    if (acknowledged.length === killAfter) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  return { acknowledged, signal, code };
}
