import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Measured } from './figures.ts';

export type Parts = Readonly<Record<string, () => Promise<Measured[]>>>;

/** Measures a part in a child process, so that its peak of memory is its own: `program` started with the part's name. */
export async function measureApart(program: string, part: string): Promise<Measured[]> {
  const child = fork(program, [part], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let figures: Measured[] | undefined;
  child.on('message', (message) => {
    figures = message as Measured[];
  });
  const [code, signal] = await once(child, 'exit');
  if (figures === undefined) throw new Error(`Measuring ${part} ended with ${signal ?? `code ${code}`}.`);
  return figures;
}

/** What such a program does in the child: nothing where it is imported. */
export async function serveParts(program: string, parts: Parts): Promise<void> {
  if (process.argv[1] !== program || process.send === undefined) return;
  const figures = await parts[process.argv[2]]();
  process.send(figures, () => process.disconnect());
}
