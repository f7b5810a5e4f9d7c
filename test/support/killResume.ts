import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineCrashed, EngineProcess } from '../../server/jobs/engineProcess.ts';
import type { TrainParams } from '../../server/protocol/engine.ts';
import type { StageName } from '../../server/protocol/types.ts';
import { bundleProgram } from './bundle.ts';
import { dyingEnvironment } from './killable.ts';

export interface KillResumeOptions {
  /** The engine's program, from the root; default: the real one, 'test/support/killableEngine.ts'. */
  readonly entry?: string;
  readonly params: Omit<TrainParams, 'out' | 'resume' | 'checkpointSeconds'>;
  /** The stage in which the engine is killed. */
  readonly stage: StageName;
  /** After which of its steps; default: 1 to 10. Some of them must come before the stage's last. */
  readonly steps?: readonly number[];
  /** Gets `whole` and `killed`, the folders of the two runs. */
  readonly folder: string;
  /** Default 0: after every step. A large number: each resumed sitting starts again at the stage's first step. */
  readonly checkpointSeconds?: number;
}

/**
 * Trains twice, once with the engine killed (SIGKILL) after each of the steps and resumed in a new one, and asserts
 * that both runs end with the same bytes in every adapter, and with the same lines (stage and step) in their logs.
 */
export async function checkKillResume(options: KillResumeOptions): Promise<void> {
  const { params, stage, folder, checkpointSeconds = 0, steps = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } = options;
  const entry = await bundleProgram(options.entry ?? 'test/support/killableEngine.ts');
  const whole = join(folder, 'whole');
  const killed = join(folder, 'killed');
  await train(entry, { ...params, out: whole, checkpointSeconds }, process.env);
  for (const step of steps) {
    const sitting = train(
      entry,
      { ...params, out: killed, checkpointSeconds, resume: existsSync(killed) },
      dyingEnvironment(stage, step),
    );
    await assert.rejects(
      sitting,
      (error) => error instanceof EngineCrashed && /SIGKILL/.test(error.message),
      `step ${step}`,
    );
  }
  await train(entry, { ...params, out: killed, checkpointSeconds, resume: true }, process.env);
  assert.deepEqual(adapterHashes(killed), adapterHashes(whole));
  for (const log of ['metrics.jsonl', 'samples.jsonl']) {
    assert.deepEqual(logSteps(join(killed, log)), logSteps(join(whole, log)), log);
  }
}

async function train(entry: string, params: TrainParams, env: NodeJS.ProcessEnv): Promise<void> {
  const engine = new EngineProcess({ entry, env });
  try {
    const { status } = await engine.call('train', params);
    assert.equal(status, 'done');
  } finally {
    await engine.close();
  }
}

/** SHA-256 of every file in the adapters of a run. */
export function adapterHashes(run: string): Record<string, string> {
  const hashes: Record<string, string> = {};
  for (const adapter of ['sft', 'reward', 'policy'].filter((name) => existsSync(join(run, name)))) {
    for (const file of readdirSync(join(run, adapter)).sort()) {
      const bytes = readFileSync(join(run, adapter, file));
      hashes[`${adapter}/${file}`] = createHash('sha256').update(bytes).digest('hex');
    }
  }
  assert.notDeepEqual(hashes, {}, `${run} holds no adapter`);
  return hashes;
}

function logSteps(path: string): string[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    const { stage, step, ...rest } = JSON.parse(line);
    return `${stage} ${step}: ${Object.keys(rest).join(' ')}`;
  });
}
