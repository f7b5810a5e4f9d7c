import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Measurement, Report } from '../measure.ts';
import { places, readDamaged, type Work } from './support/headers.ts';

const files = Number(process.env.PALATE_HEADERS) || 1_000_000;
/** Seconds of the processor: a file that takes more hangs. The machine may be busy with other things meanwhile. */
const mostSeconds = 5;
/** What a thread's own heap may hold, in MB: a reader that believes what a file claims runs into it. */
const mostHeap = 256;

export const measurement: Measurement = {
  description:
    'A million damaged headers of safetensors and GGUF files (bytes, counts and lengths replaced, pieces dropped, repeated, cut off) are read: each is taken or refused with a sentence. PALATE_HEADERS says how many.',
  async run(report) {
    const threads = Math.min(4, availableParallelism());
    const before = process.memoryUsage.rss();
    const started = performance.now();
    const shares = Array.from({ length: threads }, (_, k) => ({
      from: Math.floor((files * k) / threads),
      to: Math.floor((files * (k + 1)) / threads),
    }));
    const results = await Promise.all(shares.map((share) => readShare(share, report)));
    const total = (place: keyof typeof places) =>
      results.reduce((sum, { counters }) => sum + counters[places[place]], 0);
    const most = (place: keyof typeof places) => Math.max(...results.map(({ counters }) => counters[places[place]]));
    report.figure('damaged files read', total('done'), '', { min: files });
    report.figure('refused with a sentence', total('refused') / files, '', { min: 0.5 });
    report.figure('other errors, crashes of a thread', total('failures'), '', { max: 0 });
    report.figure('files that hung', results.filter(({ hung }) => hung).length, '', { max: 0 });
    report.figure('slowest file, processor time of all threads', most('slowest') / 1e6, 's', { max: mostSeconds });
    report.figure('memory more than before, at most', (most('memory') * 4096 - before) / 1e6, 'MB', { max: 800 });
    report.figure('processor time', processorSeconds(), 's');
    report.figure('time', (performance.now() - started) / 1000, 's');
  },
};

interface Result {
  readonly counters: Int32Array;
  readonly hung: boolean;
}

/** One thread over its share. It is ended where no file is finished for too long. */
function readShare({ from, to }: { readonly from: number; readonly to: number }, report: Report): Promise<Result> {
  const told = new SharedArrayBuffer(4 * Object.keys(places).length);
  const counters = new Int32Array(told);
  const work: Work = { seed: 1, from, to, told };
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: mostHeap },
  });
  return new Promise((resolve) => {
    let [last, since] = [-1, processorSeconds()];
    const watch = setInterval(() => {
      const done = Atomics.load(counters, places.done);
      if (done !== last) [last, since] = [done, processorSeconds()];
      // What the other threads take counts too.
      if (processorSeconds() - since < mostSeconds * availableParallelism()) return;
      report.note(`file ${from + done} hangs`);
      end(true);
    }, 200);
    const end = (hung: boolean) => {
      clearInterval(watch);
      void worker.terminate();
      resolve({ counters, hung });
    };
    worker.on('message', (failures: string[]) => {
      for (const failure of failures) report.note(failure);
      end(false);
    });
    worker.on('error', (error) => {
      report.note(`file ${from + Atomics.load(counters, places.done)}: ${error.stack ?? error}`);
      Atomics.add(counters, places.failures, 1);
      end(false);
    });
  });
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

// The same file is the program of its threads.
if (!isMainThread) parentPort?.postMessage(readDamaged());
