import { mkdirSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readManifest } from '../engine/run/manifest.ts';
import { UserError } from '../errors.ts';
import { requirePrecision } from '../precision.ts';
import type { TrainRequest } from '../protocol/client.ts';
import type { EngineEvents, TrainParams } from '../protocol/engine.ts';
import type { ProjectFolder, StageName, TrainSummary } from '../protocol/types.ts';
import { requireNative } from '../tensorflow/home.ts';
import { baseName, basePath } from './baseModel.ts';
import { branchRun, stagesToBranch } from './branch.ts';
import { crashSentence } from './createEngineHost.ts';
import { EngineCrashed } from './engineProcess.ts';
import type { JobContext, JobEnding, JobHandle } from './jobQueue.ts';
import { type JobParts, modelsOf } from './openProject.ts';
import { writePreferences } from './preferencesFile.ts';
import { takeTrainingLock } from './projectLock.ts';
import { parametersToResume, type RunParameters, readRunParameters, writeRunParameters } from './runParameters.ts';
import { holdsRun, isRunAlive, newRunId, runFolder } from './runs.ts';
import { stageParts, stageTitle } from './stages.ts';
import { stageWork } from './stageWork.ts';
import { watchTraining } from './trainingProgress.ts';

const mostSecondsToSave = 120;

export interface TrainingOptions {
  /** Everything that the engine tells, for those who print it. */
  readonly onEvent?: (event: EngineEvents['train']) => void;
  /** The engine's answer, before the job ends. */
  readonly onResult?: (result: TrainSummary) => void;
  /** Wins over palate.json's. */
  readonly seed?: number;
  readonly maxNewTokens?: number;
  readonly threads?: number;
}

/**
 * Starts to train on the project's preferences, in a run of its own or on in another's folder.
 *
 * @throws UserError where there is nothing to train on, or the project is being trained already
 */
export async function startTraining(
  parts: JobParts,
  request: Omit<TrainRequest, 'project'>,
  options: TrainingOptions = {},
): Promise<JobHandle> {
  const { project, store } = parts;
  const config = await store.config();
  const engine = request.engine ?? config.engine;
  if (engine === 'tensorflow') requireNative();
  const precision = request.precision ?? config.precision;
  const device = request.device ?? config.device;
  requirePrecision(precision, engine, device);
  const { rows } = await store.preferences({ modality: 'text' });
  if (rows.length === 0) throw noPreferences();
  const run = request.run ?? newRunId(project, request.stage);
  const folder = runFolder(project, run);
  if (request.run !== undefined) checkGoesOn(folder, run, request.stage);
  // PPO in a folder of its own starts from the reward model whose scores are shown.
  const branch = request.run === undefined ? await stagesToBranch(modelsOf(parts, config), request.stage) : undefined;
  const parameters = {
    version: 1,
    title: stageTitle(request.stage),
    stage: request.stage,
    model: baseName(basePath(project, config.model)),
    config: config.stages,
    seed: options.seed ?? config.seed,
    engine,
    precision,
    device,
    threads: options.threads ?? parts.threads(),
    maxNewTokens: options.maxNewTokens,
    createdAt: new Date().toISOString(),
  } as const;
  return queueTraining(parts, run, parameters.title, options, async () => {
    // What is labelled until the work begins counts.
    const preferences = await store.preferences({ modality: 'text' });
    if (preferences.rows.length === 0) throw noPreferences();
    mkdirSync(folder, { recursive: true });
    if (branch) branchRun(branch, folder);
    const data = await writePreferences(folder, preferences.rows, request.stage);
    const whole = { ...parameters, data, preferences: preferences.rows.length };
    writeRunParameters(folder, whole);
    return whole;
  });
}

/**
 * Goes on with a run that stands still, with the parameters that it began with.
 *
 * @throws UserError where it is done, under way, or not there
 */
export async function resumeTraining(
  parts: JobParts,
  run: string,
  options: Pick<TrainingOptions, 'onEvent' | 'onResult'> = {},
): Promise<JobHandle> {
  const folder = runFolder(parts.project, run);
  if (!holdsRun(folder)) throw new UserError(`There is no run ${run} in this project.`);
  const { title } = parametersToResume(folder);
  if (readManifest(folder)?.status === 'done')
    throw new UserError(`The run ${run} is done: there is nothing to go on with.`);
  return queueTraining(parts, run, title, options, async () => {
    const parameters = parametersToResume(folder);
    const { ending: _, ...goesOn } = parameters;
    if (readRunParameters(folder) !== undefined) writeRunParameters(folder, goesOn);
    return goesOn;
  });
}

/** Notes how the person ended the run's last sitting: 'forgotten' is not offered again. */
export function noteEnding(project: ProjectFolder, run: string, ending: 'stopped' | 'forgotten'): void {
  const folder = runFolder(project, run);
  const parameters = readRunParameters(folder);
  if (parameters) writeRunParameters(folder, { ...parameters, ending });
}

// ------------------------------------------------------------------------------------------------ the job

function queueTraining(
  parts: JobParts,
  run: string,
  title: string,
  options: TrainingOptions,
  prepare: () => Promise<RunParameters>,
): JobHandle {
  const { project, queue } = parts;
  const under = queue.active((job) => job.kind === 'train' && job.project === project);
  if (under) {
    throw new UserError(`This project is being trained already (run ${under.run}). Stop it, or wait for its end.`);
  }
  let lost = false;
  const lock = takeTrainingLock(project, run, () => {
    lost = true;
    queue.stop(handle.job.id);
  });
  const handle = queue.add({
    project,
    kind: 'train',
    title: `Train: ${title}`,
    run,
    ended: () => lock.release(),
    async work(context) {
      const ending = await trainRun(parts, run, await prepare(), context, options).catch((error) => {
        if (!(error instanceof EngineCrashed)) throw error;
        throw new UserError(`${crashSentence(error)} What was saved is whole: resume the run to go on from it.`);
      });
      if (lost) throw new UserError('Another process took the project over: training was saved and stopped here.');
      return ending;
    },
  });
  return handle;
}

async function trainRun(
  { project, engine }: JobParts,
  run: string,
  parameters: RunParameters,
  context: JobContext,
  { onEvent, onResult }: TrainingOptions,
): Promise<JobEnding> {
  const folder = runFolder(project, run);
  await previousSaved(project, run, context);
  const work = parameters.preferences === undefined ? undefined : stageWork(parameters.config, parameters.preferences);
  const watch = watchTraining(stageParts(parameters.stage, work), context);
  const result = await engine.call('train', trainParams(project, folder, parameters), {
    signal: context.signal,
    onEvent(event) {
      watch(event);
      onEvent?.(event);
    },
  });
  onResult?.(result);
  if (result.status === 'paused') return { status: 'paused', output: folder };
  return { status: 'done', summary: summaryOf(result, project), output: folder };
}

function trainParams(project: ProjectFolder, folder: string, parameters: RunParameters): TrainParams {
  const { stage, model, data, config, seed, engine, precision, device, threads, maxNewTokens } = parameters;
  return {
    stage,
    model: basePath(project, model),
    data: isAbsolute(data) ? data : join(folder, data),
    out: folder,
    config: { value: config, source: `${join(project, 'palate.json')}: stages` },
    seed,
    engine,
    precision,
    device,
    threads,
    maxNewTokens,
    resume: knownStages(folder, stage).length > 0,
  };
}

/** Of the stages that are asked for, those that the run already has. */
function knownStages(folder: string, asked: StageName | 'all') {
  const names = stageParts(asked).map(({ name }) => name);
  return (readManifest(folder)?.stages ?? []).filter(({ stage }) => names.includes(stage));
}

/** A stage is trained once in a run. */
function checkGoesOn(folder: string, run: string, asked: StageName | 'all'): void {
  if (!holdsRun(folder)) throw new UserError(`There is no run ${run} in this project.`);
  const known = knownStages(folder, asked).at(0);
  if (!known) return;
  const what = known.status === 'done' ? 'Start a new run instead.' : 'Resume it, or start a new run.';
  throw new UserError(`The run ${run} has a stage ${known.stage} already (${known.status}). ${what}`);
}

/** After its server was killed an engine still finishes its step and saves; two engines never work on one run. */
async function previousSaved(project: ProjectFolder, run: string, { signal, progress }: JobContext): Promise<void> {
  const until = Date.now() + mostSecondsToSave * 1000;
  while (isRunAlive(project, run) && Date.now() < until && !signal.aborted) {
    progress({ what: 'waiting for the interrupted training to save', done: 0, total: 0 });
    await delay(100);
  }
}

/** "Reward model, PPO: done in .palate/runs/…" */
function summaryOf({ stages, out }: TrainSummary, project: ProjectFolder): string {
  const names = stages.filter(({ status }) => status === 'done').map(({ stage }) => stageTitle(stage));
  return `${names.join(', ')}: done in ${relative(project, out).replaceAll('\\', '/')}`;
}

function noPreferences(): UserError {
  return new UserError('There are no preferences on text to train on yet. Label some comparisons first.');
}
