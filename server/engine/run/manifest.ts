import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { AdapterFolderName, DeviceName, EngineName, Precision, StageName } from '../../protocol/types.ts';
import { writeFileAtomically } from '../weights/files.ts';
import type { AdapterPaths } from './plan.ts';

/** Raised when a reader of the old format could misread the new one. */
const formatVersion = 1;
export const manifestName = 'manifest.json';

export const adapterFolders: Readonly<Record<StageName, AdapterFolderName>> = {
  sft: 'sft',
  reward: 'reward',
  ppo: 'policy',
};

/** What a run was made from and how far it came: enough to repeat it. */
export interface RunManifest {
  readonly format: number;
  /** Of the programs that wrote last: palate, node, the runtime. */
  readonly versions: Readonly<Record<string, string>>;
  readonly base: { readonly path: string; readonly identity: string };
  readonly status: 'running' | 'paused' | 'done' | 'failed';
  /** Why it failed. */
  readonly failure?: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly stages: readonly StageRecord[];
}

export interface StageRecord {
  readonly stage: StageName;
  readonly status: 'waiting' | 'running' | 'done';
  readonly settings: StageSettings;
  /** Optimiser steps done, as of the last checkpoint, and the expected total (0: not yet known). */
  readonly step: number;
  readonly steps: number;
  /** Of work, over all sittings. */
  readonly seconds: number;
  /** The last value of each metric; null: it was not finite. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** What it computed on, as a person reads it, one after the other: "WebGPU (NVIDIA GeForce RTX 4070)", "CPU". */
  readonly devices?: readonly string[];
  /** What it went on with where a device's memory did not suffice, in sentences. */
  readonly fallBacks?: readonly string[];
  /** Bytes of metrics.jsonl and samples.jsonl when the stage started: what comes after them is its own. */
  readonly logs: LogPositions;
}

/** What decides a stage's result, besides the base model and the adapters of the stages before. */
export interface StageSettings {
  readonly seed: number;
  /** Results are byte-identical only for the same number. */
  readonly threads: number;
  /** Absent: onnx. */
  readonly engine?: EngineName;
  /** Absent: float32. */
  readonly precision?: Precision;
  /** Where it began to compute. Absent: on the processor. */
  readonly device?: DeviceName;
  readonly data: { readonly path: string; readonly bytes: number; readonly sha256: string };
  /** With defaults filled in. */
  readonly config: unknown;
}

export interface LogPositions {
  readonly metrics: number;
  readonly samples: number;
}

/**
 * The manifest of a run's folder, undefined where there is none.
 *
 * @throws UserError where it cannot be read, or was written by a newer version of Palate
 */
export function readManifest(folder: string): RunManifest | undefined {
  const path = join(folder, manifestName);
  if (!existsSync(path)) return undefined;
  let manifest: RunManifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} cannot be read as a run's manifest: ${(error as Error).message}.`, { cause: error });
  }
  if (typeof manifest?.format === 'number' && manifest.format > formatVersion) {
    throw new UserError(
      `${path} has format ${manifest.format}; this version of Palate knows up to ${formatVersion}. ` +
        'Update Palate to go on with this run; nothing was changed.',
    );
  }
  if (manifest?.format !== formatVersion || !Array.isArray(manifest.stages)) {
    throw new UserError(`${path} is not the manifest of a run. Choose another folder.`);
  }
  return manifest;
}

export function newManifest(base: RunManifest['base'], now: string): RunManifest {
  return { format: formatVersion, versions: {}, base, status: 'running', createdAt: now, updatedAt: now, stages: [] };
}

export function writeManifest(folder: string, manifest: RunManifest): void {
  writeFileAtomically(join(folder, manifestName), [`${JSON.stringify(manifest, null, 2)}\n`]);
}

/**
 * Refuses a folder that a new run would overwrite, before anything is loaded.
 *
 * @throws UserError saying what is there and what to do
 */
export function checkRunFolder(folder: string, stages: readonly StageName[], resume: boolean): void {
  const manifest = readManifest(folder);
  if (resume) {
    if (manifest) return;
    throw new UserError(`There is no run in ${folder} to go on with. Leave --resume out to start one.`);
  }
  const known = manifest?.stages.filter(({ stage }) => stages.includes(stage)) ?? [];
  const unfinished = known.find(({ status }) => status !== 'done');
  if (manifest && unfinished) {
    const state = manifest.status === 'running' ? 'interrupted' : manifest.status;
    throw new UserError(
      `${folder} holds a run that is ${state} (${unfinished.stage}, step ${unfinished.step}). ` +
        'Add --resume to go on with it, or choose another folder.',
    );
  }
  // Stages may be run one by one into the same folder, but none twice.
  const taken = [...known.map(({ stage }) => adapterFolders[stage]), ...foldersWithContent(folder, stages)].at(0);
  if (taken) throw new UserError(`${join(folder, taken)} is already there. Choose another folder.`);
}

/** The adapters of stages that are done. */
export function adapterPaths(folder: string, { stages }: RunManifest): AdapterPaths {
  const done = stages.filter(({ status }) => status === 'done').map(({ stage }) => adapterFolders[stage]);
  return Object.fromEntries(done.map((name) => [name, join(folder, name)]));
}

function foldersWithContent(folder: string, stages: readonly StageName[]): string[] {
  return stages
    .map((stage) => adapterFolders[stage])
    .filter((name) => existsSync(join(folder, name)) && readdirSync(join(folder, name)).length > 0);
}

/** Identity of a data file. */
export async function describeData(file: string): Promise<StageSettings['data']> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    throw new UserError(`Cannot read the data file ${file}: ${(error as Error).message}.`, { cause: error });
  }
  return { path: resolve(file), bytes, sha256: hash.digest('hex') };
}

/**
 * What keeps a stage from being gone on with: one line for each setting that decides the result and is not what it
 * was. Threads and engine are no such lines: others change the last digits only.
 */
export function settingsDifferences(before: StageSettings, now: StageSettings): string[] {
  const lines: string[] = [];
  if (before.seed !== now.seed) lines.push(`seed: ${before.seed} in the run, ${now.seed} now`);
  if (before.data.sha256 !== now.data.sha256) {
    lines.push(
      `data: ${before.data.path} with ${before.data.bytes} bytes in the run, ${now.data.path} with ${now.data.bytes} bytes and other content now`,
    );
  }
  const [then = 'float32', today = 'float32'] = [before.precision, now.precision];
  if (then !== today) lines.push(`precision: ${then} in the run, ${today} now`);
  return [...lines, ...valueDifferences('config', before.config, now.config)];
}

function valueDifferences(place: string, before: unknown, now: unknown): string[] {
  const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (isTree(before) && isTree(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => valueDifferences(`${place}.${key}`, before[key], now[key]));
  }
  // As the manifest keeps it: undefined and absent are the same.
  const written = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value));
  return written(before) === written(now) ? [] : [`${place}: ${written(before)} in the run, ${written(now)} now`];
}
