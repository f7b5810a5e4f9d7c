import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import type { StageName } from '../../server/protocol/types.ts';
import { checkKillResume } from '../../test/support/killResume.ts';
import { preferenceRows } from '../../test/support/preferenceRows.ts';
import type { Measurement } from '../measure.ts';

const steps = Array.from({ length: 20 }, (_, k) => k + 1);

/** Every stage has more than twenty optimiser steps, each of several micro-batches. */
const config = {
  sft: { batchSize: 2, epochs: 2, rank: 4, microBatchTokens: 64 },
  reward: { batchSize: 2, epochs: 3, heldOut: 0.2, microBatchTokens: 64 },
  ppo: { iterations: 6, rolloutBatch: 8, batchSize: 2, maxNewTokens: 8, microBatchTokens: 64 },
};

/** What has to run before a stage can: `all` begins with it. */
const needed: Readonly<Record<StageName, StageName | 'all'>> = { sft: 'sft', reward: 'all', ppo: 'all' };

export const measurement: Measurement = {
  description:
    'The embedded model through each stage, the engine killed (SIGKILL) after each of the steps 1 to 20 and the run gone on with in a new one: every file of every adapter has the bytes of a run never killed, and the logs have the same steps.',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'palate-prove-resume-'));
    const model = join(packageRoot(), 'models', 'tiny');
    const data = join(folder, 'preferences.jsonl');
    writeFileSync(data, preferenceRows(24));
    try {
      for (const stage of ['sft', 'reward', 'ppo'] as const) {
        report.note(stage);
        const params = { stage: needed[stage], model, data, config: { value: config, source: 'proof' }, threads: 1 };
        await checkKillResume({ params, stage, steps, folder: join(folder, stage) });
        report.figure(`${stage}: kills survived with the same bytes`, steps.length, '', { min: steps.length });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
