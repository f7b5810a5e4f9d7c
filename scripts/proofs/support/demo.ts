import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DemoFigures } from '../../../server/demo/demo.ts';
import { packageRoot } from '../../../server/paths.ts';
import type { EngineName } from '../../../server/protocol/types.ts';
import type { Report } from '../../measure.ts';

export interface DemoProof {
  readonly seed: number;
  readonly engine: EngineName;
  /** The run's folder. */
  readonly out: string;
  /** The most seconds it may take. */
  readonly seconds: number;
}

/** Runs the demo as a person starts it, and holds its figures to their bars. */
export async function proveDemo(report: Report, { seed, engine, out, seconds: most }: DemoProof): Promise<void> {
  report.note(`demo on ${engine}, seed ${seed}`);
  const program = join(packageRoot(), 'out', 'server', 'cli.js');
  const args = [program, 'demo', '--json', '--engine', engine, '--seed', String(seed), '--out', out];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!) as DemoFigures & { seconds: number };
  const { before, after, kl, rewardAccuracy, seconds } = result;
  report.figure(`seed ${seed} positive before`, before.positive, '', { min: 0.4, max: 0.6 });
  report.figure(`seed ${seed} positive after`, after.positive, '', { min: 0.9 });
  report.figure(`seed ${seed} KL a response`, kl, 'nats', { max: 4 });
  report.figure(`seed ${seed} distinct-2 after / before`, after.distinct2 / before.distinct2, '', { min: 0.8 });
  report.figure(`seed ${seed} reward accuracy`, rewardAccuracy, '', { min: 0.92 });
  report.figure(`seed ${seed} wall clock`, seconds, 's', { max: most });
}
