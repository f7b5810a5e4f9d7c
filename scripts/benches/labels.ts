import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { openProjectStore } from '../../server/store/openProjectStore.ts';
import type { Measurement } from '../measure.ts';
import { measureApart, serveApart } from '../support/apart.ts';
import type { Measured } from './support/figures.ts';
import { makeLabelledProject } from './support/labels.ts';

const program = fileURLToPath(import.meta.url);

export const measurement: Measurement = {
  description:
    'The store of a project with 100,000 decisions of two annotators about 9,167 prompts with four responses each, in a process of its own: opening it, once with nothing kept of it and once again, then 200 times the next three pairs and a decision about the first, flushed.',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'palate-labels-'));
    try {
      await makeLabelledProject(folder, { decisions: 100_000 });
      report.note('for the first time');
      const first = await measureApart<Measured[]>(program, [folder, 'first']);
      report.note('again');
      for (const { name, value, unit, bar } of [...first, ...(await measureApart<Measured[]>(program, [folder]))]) {
        report.figure(name, value, unit, bar);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

await serveApart(program, ([folder, first]) => (first ? openOnce(folder) : measureLabels(folder)));

/** Nothing is kept of the project yet. */
async function openOnce(folder: string): Promise<Measured[]> {
  const began = performance.now();
  const store = await openProjectStore(folder);
  const seconds = (performance.now() - began) / 1000;
  await store.close();
  return [{ name: 'open for the first time', value: seconds, unit: 's' }];
}

async function measureLabels(folder: string): Promise<Measured[]> {
  const delay = monitorEventLoopDelay({ resolution: 2 });
  delay.enable();
  const began = performance.now();
  const store = await openProjectStore(folder);
  const opened = performance.now() - began;
  const times = { next: [] as number[], decide: [] as number[] };
  for (let k = 0; k < 200; k++) {
    const asked = performance.now();
    const [{ id, shown }] = (await store.next('ann', 3, [])).comparisons;
    times.next.push(performance.now() - asked);
    const decided = performance.now();
    const [a, b] = [shown[0].id, shown[1].id];
    const rest = { scale: 4, aspects: {}, comment: '', ms: 1500 };
    await store.decide('ann', { comparison: id, shown: [a, b], choice: a, strength: 1, ...rest });
    times.decide.push(performance.now() - decided);
  }
  const asked = performance.now();
  await store.preferences();
  const preferences = performance.now() - asked;
  delay.disable();
  await store.close();
  return [
    { name: 'open', value: opened / 1000, unit: 's', bar: { max: 1 } },
    { name: 'next pairs, p99', value: percentile(times.next, 0.99), unit: 'ms', bar: { max: 10 } },
    { name: 'decide, median', value: percentile(times.decide, 0.5), unit: 'ms' },
    { name: 'decide, p99', value: percentile(times.decide, 0.99), unit: 'ms' },
    { name: 'all preferences', value: preferences / 1000, unit: 's' },
    { name: 'longest time blocked', value: delay.max / 1e6, unit: 'ms', bar: { max: 50 } },
    { name: 'memory of the process', value: process.memoryUsage().rss / 1e6, unit: 'MB', bar: { max: 200 } },
  ];
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
