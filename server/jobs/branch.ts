import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFolders, newManifest, readManifest, writeManifest } from '../engine/run/manifest.ts';
import { UserError } from '../errors.ts';
import type { StageName } from '../protocol/types.ts';
import { activeReward, type ModelsOf } from './models.ts';
import { runFolder } from './runs.ts';

/** A run whose finished stages another one begins with. */
export interface Branch {
  readonly from: string;
  readonly stages: readonly StageName[];
}

/**
 * What a new run of `stage` alone begins with: PPO needs a reward model, and takes the one whose scores are shown, with
 * the SFT adapter that it was made from.
 *
 * @throws UserError where PPO is asked for and no reward model is trained
 */
export async function stagesToBranch(of: ModelsOf, stage: StageName | 'all'): Promise<Branch | undefined> {
  if (stage !== 'ppo') return undefined;
  const reward = await activeReward(of);
  if (!reward?.adapter) throw new UserError('PPO needs a reward model, and this project has none: train one first.');
  const from = runFolder(of.project, reward.id.split('/')[0]);
  const done = (readManifest(from)?.stages ?? []).filter(({ status }) => status === 'done').map(({ stage }) => stage);
  return { from, stages: done.filter((name) => name === 'sft' || name === 'reward') };
}

/** Copies the adapters of a branch and what the manifest says of them into a new run's folder. */
export function branchRun({ from, stages }: Branch, folder: string): void {
  const manifest = readManifest(from);
  if (!manifest) throw new UserError(`There is no run in ${from} any more.`);
  for (const stage of stages) {
    const name = adapterFolders[stage];
    if (!existsSync(join(folder, name))) cpSync(join(from, name), join(folder, name), { recursive: true });
  }
  const fresh = newManifest(manifest.base, new Date().toISOString());
  const records = manifest.stages
    .filter(({ stage }) => stages.includes(stage))
    .map((record) => ({ ...record, logs: { metrics: 0, samples: 0 } }));
  writeManifest(folder, { ...fresh, versions: manifest.versions, status: 'paused', stages: records });
}
