import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../../server/config.ts';
import { instructPrompts } from '../../../server/demo/instructPrompts.ts';
import { estimateMemory, type MemoryUse } from '../../../server/engine/memory/estimate.ts';
import { answersAtOnce, memoryQuestion } from '../../../server/engine/memory/question.ts';
import { trainConfig } from '../../../server/engine/stages/config.ts';
import { describeModel } from '../../../server/engine/weights/load.ts';
import { EngineProcess } from '../../../server/jobs/engineProcess.ts';
import { longestOf } from '../../../server/jobs/memoryNeeds.ts';
import type { EngineName, PreferenceRow } from '../../../server/protocol/types.ts';

/** One short run in an engine of its own. */
export interface MemoryRun {
  /** A GGUF file or a folder. */
  readonly model: string;
  readonly engine: EngineName;
  readonly use: MemoryUse;
  readonly recompute: boolean;
  /** The run's folder: stages go into it one by one, each from what the one before it left. */
  readonly folder: string;
  readonly rows: readonly PreferenceRow[];
}

/** Two steps of each stage: the second is the first with the arenas as they stay. */
function settings({ recompute }: MemoryRun) {
  const shared = { recompute, batchSize: 8 };
  return {
    sft: shared,
    reward: { ...shared, epochs: 1, heldOut: 0 },
    ppo: { ...shared, iterations: 1, rolloutBatch: 8, maxNewTokens: 32 },
  };
}

/** Sixteen comparisons of about a hundred tokens. */
export function memoryRows(): PreferenceRow[] {
  const texts = instructPrompts.train;
  const words = texts.join(' ').split(' ');
  const response = (from: number) => ` ${words.slice(from, from + 60).join(' ')}`;
  return Array.from({ length: 16 }, (_, k) => ({
    prompt: texts[k],
    chosen: response(20 * k),
    rejected: response(20 * k + 7),
    chosenFinished: true,
    rejectedFinished: true,
  }));
}

/** What the estimate says of a run, in bytes. */
export function predictedPeak(run: MemoryRun): number {
  const { config } = describeModel(run.model);
  const stages = parseConfig(trainConfig, settings(run), 'the measurement');
  const basis = { config, engine: run.engine, ...longestOf(run.rows) };
  return estimateMemory(memoryQuestion(run.use, { stages }, basis)).total;
}

/** Does the run in a new engine, and answers the most memory that its process ever held, in bytes. */
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
  if (use === 'score') {
    await engine.call('score', { model, adapter: join(folder, 'reward'), source: { rows } });
    return;
  }
  if (use === 'generate') {
    const count = answersAtOnce(describeModel(model).config);
    // Equal prompts would be read once.
    const prompts = Array.from({ length: count }, (_, k) => ({ prompt: `${k}. ${rows[k % rows.length].prompt}` }));
    await engine.call('generate', { model, source: { rows: prompts }, maxNewTokens: 32 });
    return;
  }
  const data = `${folder}-${use}.jsonl`;
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const config = { value: settings(run), source: 'the measurement' };
  const more = { seed: 1, checkpointSeconds: 3600 };
  await engine.call('train', { stage: use, model, data, out: folder, config, engine: run.engine, ...more });
}
