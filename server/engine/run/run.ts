import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { packageRoot } from '../../paths.ts';
import type { TrainParams } from '../../protocol/engine.ts';
import type { StageName } from '../../protocol/types.ts';
import type { RunLock } from './lock.ts';
import {
  adapterPaths,
  describeData,
  newManifest,
  type RunManifest,
  readManifest,
  type StageRecord,
  type StageSettings,
  settingsDifferences,
  writeManifest,
} from './manifest.ts';
import type { AdapterPaths, RunPlan } from './plan.ts';

/** An open run: its folder is locked, its manifest agrees with what was asked for. */
export interface Run {
  readonly folder: string;
  readonly manifest: RunManifest;
  readonly checkpointSeconds: number;
  /** What the person should know before it starts. */
  readonly notices: readonly string[];
  readonly lock: RunLock;
  record(stage: StageName): StageRecord;
  /** Changes a stage's record and writes the manifest. */
  update(stage: StageName, change: Partial<StageRecord>): void;
  setStatus(status: RunManifest['status']): void;
  fail(reason: string): void;
  adapters(): AdapterPaths;
}

/**
 * Opens the run in `folder`, whose lock is held: writes a new manifest, adds stages to the one that is there, or holds
 * what was asked for against it.
 *
 * @throws UserError saying what differs from the run that is gone on with
 */
export async function openRun(folder: string, params: TrainParams, plan: RunPlan, lock: RunLock): Promise<Run> {
  const found = readManifest(folder);
  const data = await describeData(params.data);
  const settings = plan.stages.map(({ stage, config }): [StageName, StageSettings] => {
    // As the manifest keeps it, so that what is compared later is alike.
    const kept = JSON.parse(JSON.stringify(config ?? null));
    const { threads, engine, precision, device } = plan;
    return [stage, { seed: params.seed ?? 0, threads, engine, precision, device, data, config: kept }];
  });
  if (found) refuseDifferences(folder, found, plan, settings);
  const now = new Date().toISOString();
  let manifest: RunManifest = { ...(found ?? newManifest(plan.base, now)), versions: versionsOf(plan) };
  for (const [stage, wanted] of settings) {
    const known = manifest.stages.find((record) => record.stage === stage);
    // What has not begun runs as it is asked for now: engine and threads may be others.
    if (known?.status === 'waiting') {
      const stages = manifest.stages.map((record) => (record === known ? { ...record, settings: wanted } : record));
      manifest = { ...manifest, stages };
    }
    if (known !== undefined) continue;
    const record: StageRecord = {
      stage,
      status: 'waiting',
      settings: wanted,
      step: 0,
      steps: 0,
      seconds: 0,
      metrics: {},
      logs: { metrics: 0, samples: 0 },
    };
    manifest = { ...manifest, stages: [...manifest.stages, record] };
  }
  const write = (change: Partial<RunManifest>) => {
    manifest = { ...manifest, ...change, updatedAt: new Date().toISOString() };
    writeManifest(folder, manifest);
  };
  write({ status: 'running', failure: undefined });
  return {
    folder,
    get manifest() {
      return manifest;
    },
    checkpointSeconds: params.checkpointSeconds ?? 60,
    notices: found ? changeNotices(found, plan) : [],
    lock,
    record: (stage) => recordOf(manifest, stage),
    update: (stage, change) =>
      write({ stages: manifest.stages.map((record) => (record.stage === stage ? { ...record, ...change } : record)) }),
    setStatus: (status) => write({ status }),
    fail(reason) {
      try {
        write({ status: 'failed', failure: reason });
      } catch {
        // On a full disk the reason is told, if not kept.
      }
    },
    adapters: () => adapterPaths(folder, manifest),
  };
}

function recordOf(manifest: RunManifest, stage: StageName): StageRecord {
  const record = manifest.stages.find((candidate) => candidate.stage === stage);
  if (!record) throw new Error(`The manifest has no stage ${stage}.`);
  return record;
}

function refuseDifferences(
  folder: string,
  found: RunManifest,
  plan: RunPlan,
  settings: readonly [StageName, StageSettings][],
): void {
  const differences: string[] = [];
  if (found.base.identity !== plan.base.identity) {
    differences.push(`model: ${found.base.path} in the run, ${plan.base.path} with other content now`);
  }
  for (const [stage, wanted] of settings) {
    const record = found.stages.find((candidate) => candidate.stage === stage);
    if (record) differences.push(...settingsDifferences(record.settings, wanted).map((line) => `${stage} ${line}`));
  }
  if (differences.length === 0) return;
  const lines = [...new Set(differences)].map((line) => `  ${line}`).join('\n');
  throw new UserError(
    `The run in ${folder} was started with something else:\n${lines}\nGive it what it was started with, or choose another folder.`,
  );
}

/** What changes the last digits only, and is therefore no reason to refuse. */
function changeNotices(found: RunManifest, plan: RunPlan): string[] {
  const before = found.stages.filter(({ status }) => status !== 'waiting').map(({ settings }) => settings);
  const threads = before.find((settings) => settings.threads !== plan.threads)?.threads;
  const engine = before.map((settings) => settings.engine ?? 'onnx').find((name) => name !== plan.engine);
  const device = before.map((settings) => settings.device ?? 'cpu').find((name) => name !== plan.device);
  const changed = [
    ...(threads === undefined ? [] : [`with ${threads} threads and goes on with ${plan.threads}`]),
    ...(device === undefined ? [] : [`on the device ${device} and goes on with ${plan.device}`]),
    ...(engine === undefined ? [] : [`on the engine ${engine} and goes on with ${plan.engine}`]),
  ];
  return changed.map(
    (how) => `The run was started ${how}: its last digits will not be those of a run that was never stopped.`,
  );
}

function versionsOf(plan: RunPlan): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  return { palate: version, node: process.version, ...plan.versions, platform: `${process.platform}-${process.arch}` };
}
