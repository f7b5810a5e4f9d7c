import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoStages, runDemo } from '../../server/demo/demo.ts';
import { Progress } from '../../server/demo/progress.ts';
import { embeddedDemo } from '../../server/demo/settings.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import type { Measurement, Report } from '../measure.ts';
import { proveDemo } from './support/demo.ts';

const seeds = [1, 2, 3];

export const measurement: Measurement = {
  description:
    'The demo as a person starts it, once a seed: figures over 512 responses to held-out prompts, reward accuracy over 2,000 fresh comparisons judged by the rule. The control is the same with rewards permuted among the responses of each rollout, over 2,048 responses.',
  async run(report) {
    const work = mkdtempSync(join(tmpdir(), 'palate-prove-demo-'));
    try {
      for (const seed of seeds) {
        await proveDemo(report, { seed, engine: 'onnx', out: join(work, `seed-${seed}`), seconds: 240 });
      }
      await proveControl(report, join(work, 'control'));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

/** Nothing can be learnt from permuted rewards: whatever moves the share then is a fault of the loop. */
async function proveControl(report: Report, folder: string): Promise<void> {
  report.note('control: rewards permuted');
  const [seed] = seeds;
  const settings = embeddedDemo(seed);
  const ppo = { ...settings.training.ppo, permuteRewards: true };
  const control = { ...settings, responses: 2048, freshPairs: 100, training: { ...settings.training, ppo } };
  const engine = new EngineProcess();
  const progress = new Progress(demoStages(control));
  try {
    const { signal } = new AbortController();
    const { before, after } = await runDemo({ engine, progress, signal, settings: control, seed, folder });
    const moved = Math.abs(after.positive - before.positive) * 100;
    report.figure('control: share moved by', moved, 'points', { max: 5 });
  } finally {
    progress.stop();
    await engine.close();
  }
}
