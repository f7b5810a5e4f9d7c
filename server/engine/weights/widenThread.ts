import { parentPort, workerData } from 'node:worker_threads';
import { openFile } from './files.ts';
import { numberFormats } from './gguf.ts';
import type { ThreadResult, ThreadWork } from './readWeights.ts';
import { allocator, widenInto } from './widen.ts';

/** A thread that widens tensors for the one that loads a model: from the last one on, until the two meet. */
const { tasks, claims } = workerData as ThreadWork;
const files = new Map<string, ReturnType<typeof openFile>>();
const allocate = allocator(tasks.reduce((sum, { elements }) => sum + elements, 0));
const results: ThreadResult[] = [];
for (let k = tasks.length - 1; k >= 0 && Atomics.compareExchange(claims, k, 0, 1) === 0; k--) {
  const { path, format: name, offset, elements } = tasks[k];
  const file = files.get(path) ?? openFile(path);
  files.set(path, file);
  const format = numberFormats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new Error(`There is no format ${name}.`);
  try {
    results.push({ task: k, data: widenInto(allocate(elements), file, { format, offset, elements }) });
  } catch {
    // Whoever asked reads it too, and says what is wrong with it.
  }
}
for (const file of files.values()) file.close();
const buffers = new Set(results.map(({ data }) => data.buffer as ArrayBuffer));
parentPort?.postMessage(results, [...buffers]);
