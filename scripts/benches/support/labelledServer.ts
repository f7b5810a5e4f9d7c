import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtServer } from '../../../test/support/programs.ts';
import { startServer } from '../../../test/support/serverClient.ts';
import type { Measured } from './figures.ts';
import { makeLabelledProject } from './labels.ts';

/** A server of its own opens a project with so many decisions; no model is loaded. */
export async function measureLabelledProject(decisions: number): Promise<Measured[]> {
  const project = mkdtempSync(join(tmpdir(), 'palate-bench-labels-'));
  await makeLabelledProject(project, { decisions });
  try {
    // The second time is what a person knows who has labelled here: scans of the logs were kept.
    const first = await open(project);
    const again = await open(project);
    const figures: Measured[] = [
      { name: 'opening 100,000 decisions for the first time', value: first.seconds, unit: 's' },
      { name: 'opening 100,000 decisions', value: again.seconds, unit: 's', bar: { max: 1 } },
    ];
    const resident = Math.max(first.resident ?? 0, again.resident ?? 0);
    if (resident > 0) {
      figures.push({ name: 'server without a model, resident', value: resident, unit: 'MB', bar: { max: 200 } });
    }
    return figures;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** A server that was just started opens the project, and is asked for the next pairs. */
async function open(project: string): Promise<{ readonly seconds: number; readonly resident: number | undefined }> {
  const server = await startServer({ program: builtServer() });
  try {
    const began = performance.now();
    await server.call('listProjects', { folders: [project] });
    await server.call('nextComparisons', { project, annotator: 'ann', count: 3, held: [] });
    const seconds = (performance.now() - began) / 1000;
    return { seconds, resident: residentMegabytes(server.process.pid) };
  } finally {
    await server.close();
  }
}

/** Undefined where the system does not tell (it is Linux that does). */
function residentMegabytes(pid: number | undefined): number | undefined {
  const path = `/proc/${pid}/status`;
  const found = existsSync(path) ? /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) : null;
  return found ? (Number(found[1]) * 1024) / 1e6 : undefined;
}
