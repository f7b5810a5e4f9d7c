import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineProcess } from '../../../server/jobs/engineProcess.ts';
import type { EngineName, PreferenceRow, StageName } from '../../../server/protocol/types.ts';

/** What one short run in an engine of its own is about. */
export interface MemoryRun {
  readonly model: string;
  readonly engine: EngineName;
  readonly use: StageName | 'score' | 'generate';
  readonly recompute: boolean;
  readonly microBatchTokens: number;
  /** The run's folder: stages go into it one by one. */
  readonly folder: string;
  readonly rows: readonly PreferenceRow[];
}

export const responseTokens = 32;
/** Responses that are sampled together. */
export const rolloutBatch = 8;

/** Does a few steps of one use in a new engine, and answers the most memory that its process ever held, in bytes. */
export async function measuredPeak(run: MemoryRun): Promise<number> {
  const engine = new EngineProcess();
  try {
    await briefly(engine, run);
    const { memory } = await engine.call('describe', {});
    return memory.peak;
  } finally {
    await engine.close();
  }
}

async function briefly(engine: EngineProcess, run: MemoryRun): Promise<void> {
  const { model, use, folder, rows } = run;
  if (use === 'generate') {
    const prompts = rows.map(({ prompt }) => ({ prompt: String(prompt) }));
    const source = { rows: Array.from({ length: 32 }, (_, k) => prompts[k % prompts.length]) };
    await engine.call('generate', { model, source, maxNewTokens: responseTokens });
  } else if (use === 'score') {
    await engine.call('score', { model, adapter: join(folder, 'reward'), source: { rows } });
  } else {
    await train(engine, run, use);
  }
}

async function train(engine: EngineProcess, run: MemoryRun, stage: StageName): Promise<void> {
  const { model, recompute, microBatchTokens, folder, rows } = run;
  const shared = { recompute, microBatchTokens };
  const value = {
    sft: { ...shared, batchSize: 8 },
    reward: { ...shared, batchSize: 8, epochs: 1, heldOut: 0 },
    ppo: { ...shared, iterations: 1, rolloutBatch, batchSize: 8, policyEpochs: 2, criticEpochs: 1 },
  };
  const data = join(folder, '..', `${stage}.jsonl`);
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const config = { value, source: 'the measurement' };
  const more = { maxNewTokens: responseTokens, seed: 1, checkpointSeconds: 3600 };
  await engine.call('train', { stage, model, data, out: folder, config, engine: run.engine, ...more });
}
