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
  const server = await startServer({ program: builtServer() });
  try {
    const began = performance.now();
    await server.call('listProjects', { folders: [project] });
    await server.call('nextComparisons', { project, annotator: 'ann', count: 3, held: [] });
    const seconds = (performance.now() - began) / 1000;
    const figures: Measured[] = [{ name: 'opening 100,000 decisions', value: seconds, unit: 's', bar: { max: 1 } }];
    const resident = residentMegabytes(server.process.pid);
    if (resident !== undefined) {
      figures.push({ name: 'server without a model, resident', value: resident, unit: 'MB', bar: { max: 200 } });
    }
    return figures;
  } finally {
    await server.close();
    rmSync(project, { recursive: true, force: true });
  }
}

/** Undefined where the system does not tell (it is Linux that does). */
function residentMegabytes(pid: number | undefined): number | undefined {
  const path = `/proc/${pid}/status`;
  const found = existsSync(path) ? /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) : null;
  return found ? (Number(found[1]) * 1024) / 1e6 : undefined;
}
