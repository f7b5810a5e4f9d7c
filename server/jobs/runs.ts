import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runLockName } from '../engine/run/lock.ts';
import {
  adapterFolders,
  manifestName,
  type RunManifest,
  readManifest,
  type StageRecord,
} from '../engine/run/manifest.ts';
import { UserError } from '../errors.ts';
import { lockHolder } from '../lock.ts';
import type { MetricsPoint, ProjectFolder, RunHistory, RunSample, RunSummary, StageName } from '../protocol/types.ts';
import { baseName } from './baseModel.ts';
import { readPage, tornTail } from './pages.ts';
import { trainingHolder } from './projectLock.ts';
import { type RunParameters, readRunParameters, runParametersName } from './runParameters.ts';
import { stageParts, stageTitle } from './stages.ts';

export function runsFolder(project: ProjectFolder): string {
  return join(project, '.palate', 'runs');
}

/** Where a run lies. Throws a UserError for what is no run's name: it becomes a path. */
export function runFolder(project: ProjectFolder, run: string): string {
  if (!/^[\w][\w.-]{0,99}$/.test(run)) throw new UserError(`${JSON.stringify(run)} is not the name of a run.`);
  return join(runsFolder(project), run);
}

/** The run that this server trains, if it does. */
export type RunHere = (run: string) => boolean;

/** What is known of every run from its files, newest first. A folder that is no run is passed over. */
export async function listRuns(project: ProjectFolder, isHere: RunHere): Promise<RunSummary[]> {
  let names: string[];
  try {
    names = (await readdir(runsFolder(project), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const holder = trainingHolder(project)?.subject;
  const runs = await Promise.all(names.map((name) => summaryOf(project, name, isHere, holder)));
  const newestFirst = (a: RunSummary, b: RunSummary) =>
    b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
  return runs.filter((run) => run !== undefined).sort(newestFirst);
}

/** @throws UserError where there is no such run */
export async function readRunSummary(project: ProjectFolder, run: string, isHere: RunHere): Promise<RunSummary> {
  runFolder(project, run);
  const summary = await summaryOf(project, run, isHere, trainingHolder(project)?.subject);
  if (!summary) throw new UserError(`There is no run ${run} in ${runsFolder(project)}.`);
  return summary;
}

/** Whether any process works on the run now. */
export function isRunAlive(project: ProjectFolder, run: string): boolean {
  return lockHolder(join(runFolder(project, run), runLockName)) !== undefined;
}

/** A page of a run's history from these bytes on. A position that no longer fits is answered with 0: read from there. */
export async function readRun(
  project: ProjectFolder,
  run: string,
  from: { readonly metric: number; readonly sample: number },
  isHere: RunHere,
): Promise<RunHistory> {
  const summary = await readRunSummary(project, run, isHere);
  const metrics = await readPage(join(summary.folder, 'metrics.jsonl'), from.metric);
  const samples = await readPage(join(summary.folder, 'samples.jsonl'), from.sample);
  return {
    run: summary,
    metrics: metrics.rows.map(pointOf).filter((point) => point !== undefined),
    samples: samples.rows.map(sampleOf).filter((sample) => sample !== undefined),
    nextMetric: metrics.next,
    nextSample: samples.next,
  };
}

/** Removes a run's folder. Refuses while anybody works on it. */
export async function deleteRun(project: ProjectFolder, run: string, isHere: RunHere): Promise<void> {
  const { folder, runningIn } = await readRunSummary(project, run, isHere);
  if (runningIn !== 'nowhere') throw new UserError(`The run ${run} is under way: stop it before you delete it.`);
  // Renamed first: a kill in the middle leaves no half of a run under a run's name.
  const aside = join(runsFolder(project), `.${run}.${Date.now()}.removed`);
  await rename(folder, aside);
  await rm(aside, { recursive: true, force: true });
}

// ------------------------------------------------------------------------------------------------ one run

const known = new Map<string, { readonly stamp: string; readonly manifest: RunManifest | undefined }>();

async function summaryOf(
  project: ProjectFolder,
  id: string,
  isHere: RunHere,
  trainedNow: string | undefined,
): Promise<RunSummary | undefined> {
  const folder = join(runsFolder(project), id);
  const here = isHere(id);
  const alive = here || trainedNow === id || lockHolder(join(folder, runLockName)) !== undefined;
  const runningIn = here ? 'here' : alive ? 'elsewhere' : 'nowhere';
  try {
    const parameters = readRunParameters(folder);
    const manifest = await knownManifest(folder);
    if (!manifest) return parameters && begun(folder, id, parameters, runningIn);
    return withManifest(folder, id, manifest, parameters, runningIn);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return unreadable(folder, id, error.message, runningIn);
  }
}

/** Reads a manifest only when it changed. */
async function knownManifest(folder: string): Promise<RunManifest | undefined> {
  const status = await stat(join(folder, manifestName)).catch(() => undefined);
  if (!status) return undefined;
  const stamp = `${status.mtimeMs} ${status.size} ${status.ino}`;
  const found = known.get(folder);
  if (found?.stamp === stamp) return found.manifest;
  const manifest = readManifest(folder);
  known.set(folder, { stamp, manifest });
  if (known.size > 1000) known.delete(known.keys().next().value as string);
  return manifest;
}

/** A run that has not come to its manifest: it waits, loads the model, or was interrupted before it began. */
function begun(folder: string, id: string, parameters: RunParameters, runningIn: RunSummary['runningIn']): RunSummary {
  const { title, createdAt, engine, model, stage } = parameters;
  return {
    id,
    folder,
    title,
    status: runningIn === 'nowhere' ? 'paused' : 'running',
    createdAt,
    updatedAt: createdAt,
    engine,
    base: baseName(model),
    runningIn,
    offered: runningIn === 'nowhere' && parameters.ending !== 'forgotten',
    interrupted: runningIn === 'nowhere' && parameters.ending === undefined,
    stages: stageParts(stage).map(({ name }) => ({
      stage: name,
      status: 'waiting',
      step: 0,
      steps: 0,
      seconds: 0,
      metrics: {},
    })),
  };
}

function withManifest(
  folder: string,
  id: string,
  manifest: RunManifest,
  parameters: RunParameters | undefined,
  runningIn: RunSummary['runningIn'],
): RunSummary {
  const idle = runningIn === 'nowhere';
  // A dead process could not write what became of it.
  const rest = manifest.status === 'running' ? 'paused' : manifest.status;
  const status = idle ? rest : 'running';
  const last = idle ? undefined : newestStep(folder);
  const { failure, createdAt, updatedAt, stages } = manifest;
  const names = stages.map(({ stage }) => stage);
  return {
    id,
    folder,
    title: names.length === 3 ? stageTitle('all') : names.map((name) => stageTitle(name)).join(', '),
    status,
    ...(failure !== undefined && status === 'failed' ? { failure } : {}),
    createdAt,
    updatedAt,
    engine: stages.at(-1)?.settings.engine ?? 'onnx',
    base: baseName(manifest.base.path),
    runningIn,
    offered: (status === 'paused' || status === 'failed') && parameters?.ending !== 'forgotten',
    interrupted: status === 'paused' && parameters !== undefined && parameters.ending === undefined,
    stages: stages.map((record) => stageOf(record, last)),
  };
}

function stageOf(record: StageRecord, last: MetricsPoint | undefined): RunSummary['stages'][number] {
  const { stage, status, steps, seconds, metrics } = record;
  // The manifest knows the last checkpoint; the log knows the last step.
  const newer = status === 'running' && last?.stage === stage && last.step > record.step ? last : undefined;
  return {
    stage,
    status,
    step: newer?.step ?? record.step,
    steps,
    seconds,
    metrics: newer ? { ...metrics, ...newer.metrics } : metrics,
  };
}

function unreadable(folder: string, id: string, failure: string, runningIn: RunSummary['runningIn']): RunSummary {
  const never = new Date(0).toISOString();
  return {
    id,
    folder,
    title: id,
    status: runningIn === 'nowhere' ? 'failed' : 'running',
    failure,
    createdAt: never,
    updatedAt: never,
    engine: 'onnx',
    base: '',
    runningIn,
    offered: false,
    stages: [],
  };
}

// ------------------------------------------------------------------------------------------------ lines of the logs

function pointOf(row: unknown): MetricsPoint | undefined {
  const { stage, step, seconds, ...rest } = (typeof row === 'object' && row !== null ? row : {}) as Record<
    string,
    unknown
  >;
  if (!isStage(stage) || typeof step !== 'number') return undefined;
  const metrics = Object.entries(rest).filter(([, value]) => typeof value === 'number' || value === null);
  const point = { stage, step, metrics: Object.fromEntries(metrics) as Record<string, number | null> };
  return typeof seconds === 'number' ? { ...point, seconds } : point;
}

function sampleOf(row: unknown): RunSample | undefined {
  const value = (typeof row === 'object' && row !== null ? row : {}) as Record<string, unknown>;
  const { stage, step, prompt, response, reward } = value;
  if (!isStage(stage) || typeof step !== 'number') return undefined;
  if (typeof prompt !== 'string' || typeof response !== 'string') return undefined;
  return { stage, step, prompt, response, reward: typeof reward === 'number' ? reward : null };
}

function isStage(value: unknown): value is StageName {
  return typeof value === 'string' && Object.hasOwn(adapterFolders, value);
}

/** The last line of a log that is being written. */
function newestStep(folder: string): MetricsPoint | undefined {
  const path = join(folder, 'metrics.jsonl');
  if (!existsSync(path)) return undefined;
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, 8192));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return pointOf(tornTail(bytes));
  } finally {
    closeSync(file);
  }
}

/** Whether a folder holds a run, or the beginning of one. */
export function holdsRun(folder: string): boolean {
  return existsSync(join(folder, manifestName)) || existsSync(join(folder, runParametersName));
}

/** "2026-11-24-153012-ppo": sorts by time, and says what it is. */
export function newRunId(project: ProjectFolder, stage: StageName | 'all', now = new Date()): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const plain = `${day}-${time}-${stage}`;
  for (let attempt = 1; ; attempt++) {
    const id = attempt === 1 ? plain : `${plain}-${attempt}`;
    if (!existsSync(join(runsFolder(project), id))) return id;
  }
}
