import { chooseDevice } from '../devices/choose.ts';
import { deviceStates } from '../devices/states.ts';
import { readManifest } from '../engine/run/manifest.ts';
import { availableMemory, gigabytes } from '../engine/weights/memory.ts';
import { UserError } from '../errors.ts';
import { describeHolder } from '../lock.ts';
import { deviceFor, precisionProblems } from '../precision.ts';
import type { TrainRequest } from '../protocol/client.ts';
import { type DeviceChoice, type EngineName, engineNames, type TrainingForecast } from '../protocol/types.ts';
import type { ProjectConfig } from '../store/projectConfig.ts';
import { findNative } from '../tensorflow/home.ts';
import { basePath } from './baseModel.ts';
import { memoryNeeds } from './memoryNeeds.ts';
import { activeReward } from './models.ts';
import { type JobParts, modelsOf } from './openProject.ts';
import { trainingHolder, trainingLockPath } from './projectLock.ts';
import { holdsRun, runFolder } from './runs.ts';
import { stageParts } from './stages.ts';

/** What a training will take, before it starts, and why it cannot. Loads nothing. */
export async function forecastTraining(
  parts: JobParts,
  request: Omit<TrainRequest, 'project'>,
): Promise<TrainingForecast> {
  const { project, store } = parts;
  const config = await store.config();
  const engine = request.engine ?? config.engine;
  const precision = request.precision ?? config.precision;
  const device = request.device ?? config.device;
  const [{ rows }, info] = await Promise.all([store.preferences({ modality: 'text' }), store.info()]);
  const engines = engineStates();
  const problems = [...info.problems];
  if (rows.length === 0) problems.push('There are no preferences on text yet: label some comparisons first.');
  else if (rows.length < 2) problems.push('One preference is too few to learn from: label some more comparisons.');
  problems.push(...engines.filter(({ name, ready }) => name === engine && !ready).map(({ message }) => message));
  problems.push(...precisionProblems(precision, engine, device));
  problems.push(...(await runProblems(parts, config, request)));
  const holder = trainingHolder(project);
  if (holder) {
    const where = describeHolder(trainingLockPath(project), holder);
    problems.push(`A training is under way in this project (run ${holder.subject}; ${where}).`);
  }
  const memory = { needed: 0, available: availableMemory() };
  try {
    const needs = await memoryNeeds(basePath(project, config.model), { ...config, engine }, rows);
    const asked = stageParts(request.stage).map(({ name }) => name as string);
    memory.needed = Math.max(...needs.filter(({ use }) => asked.includes(use)).map(({ bytes }) => bytes));
    if (memory.needed > memory.available) {
      problems.push(
        `Training needs about ${gigabytes(memory.needed)} of memory, and ${gigabytes(memory.available)} is available. ` +
          'Set "recompute": true or lower "microBatchTokens" in the stages of palate.json, or take a smaller model.',
      );
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    problems.push(error.message);
  }
  return {
    preferences: rows.length,
    imagePreferences: info.counts.imagePreferences,
    memory,
    problems,
    engine,
    precision,
    device: await deviceToUse(engine, deviceFor(precision, device)),
    devices: await deviceStates(),
    engines,
  };
}

/** As a person reads it. TensorFlow computes where its own library does. */
async function deviceToUse(engine: EngineName, device: DeviceChoice): Promise<string> {
  if (engine === 'onnx') return (await chooseDevice(device)).title;
  return findNative()?.gpu ? 'GPU' : 'CPU';
}

/** Which engines can train on this machine. */
export function engineStates(): TrainingForecast['engines'] {
  return engineNames.map((name) => {
    if (name === 'onnx') return { name, ready: true, message: 'onnxruntime' };
    const native = findNative();
    const message = native
      ? `TensorFlow ${native.libtensorflow}, on the ${native.gpu ? 'GPU' : 'CPU'}`
      : 'TensorFlow has no native part on this machine: set it up once, or choose the engine onnx.';
    return { name, ready: native !== undefined, message };
  });
}

async function runProblems(
  parts: JobParts,
  config: ProjectConfig,
  { run, stage }: Omit<TrainRequest, 'project'>,
): Promise<string[]> {
  if (run === undefined) {
    if (stage !== 'ppo' || (await activeReward(modelsOf(parts, config)))) return [];
    return ['PPO needs a reward model, and this project has none: train one first.'];
  }
  const folder = runFolder(parts.project, run);
  if (!holdsRun(folder)) return [`There is no run ${run} in this project.`];
  const records = readManifest(folder)?.stages ?? [];
  const asked = stageParts(stage).map(({ name }) => name);
  const known = records.find((record) => asked.includes(record.stage));
  if (known) return [`The run ${run} has a stage ${known.stage} already: start a new run, or resume it.`];
  const hasReward = records.some((record) => record.stage === 'reward' && record.status === 'done');
  return stage === 'ppo' && !hasReward ? [`The run ${run} has no reward model: PPO needs one.`] : [];
}
