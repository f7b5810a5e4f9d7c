import { fork } from 'node:child_process';
import { once } from 'node:events';

/**
 * Measures in a child process, so that its peak of memory is its own: `program` is started with `words`, and what it hands
 * to `serveApart` there is the result.
 */
export async function measureApart<Result>(program: string, words: readonly string[]): Promise<Result> {
  const child = fork(program, [...words], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let result: Result | undefined;
  child.on('message', (message) => {
    result = message as Result;
  });
  const [code, signal] = await once(child, 'exit');
  if (result === undefined) throw new Error(`Measuring ${words[0]} ended with ${signal ?? `code ${code}`}.`);
  return result;
}

/** What such a program does in the child: nothing where it is imported. */
export async function serveApart<Result extends object>(
  program: string,
  measure: (words: readonly string[]) => Promise<Result>,
): Promise<void> {
  if (process.argv[1] !== program || process.send === undefined) return;
  const result = await measure(process.argv.slice(2));
  process.send(result, () => process.disconnect());
}
