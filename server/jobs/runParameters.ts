import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseConfig } from '../config.ts';
import { readManifest, type StageSettings } from '../engine/run/manifest.ts';
import { writeFileAtomically } from '../engine/weights/files.ts';
import { UserError } from '../errors.ts';
import { deviceChoices, engineNames, precisions, type StageName } from '../protocol/types.ts';
import { stageTitle } from './stages.ts';

export const runParametersName = 'run.json';

/** What a run in a project was asked for: written before it begins, read to go on with it. */
const runParameters = v.strictObject({
  version: v.literal(1),
  title: v.string(),
  stage: v.picklist(['sft', 'reward', 'ppo', 'all']),
  /** "embedded", or an absolute path. */
  model: v.string(),
  /** The preferences, a file of the run's folder, or an absolute path. */
  data: v.string(),
  /** How many there are; absent: it was not counted. */
  preferences: v.optional(v.number()),
  /** Settings of the stages as they were in palate.json. */
  config: v.record(v.string(), v.unknown()),
  seed: v.number(),
  engine: v.picklist(engineNames),
  /** Absent: float32. */
  precision: v.optional(v.picklist(precisions)),
  /** Absent in runs of older versions: the processor. */
  device: v.optional(v.picklist(deviceChoices)),
  /** Absent: the engine's own number. Results are byte-identical only for the same. */
  threads: v.optional(v.number()),
  maxNewTokens: v.optional(v.number()),
  /** ISO 8601. */
  createdAt: v.string(),
  /** How the last sitting was ended by the person; absent: it was interrupted, or goes on. */
  ending: v.optional(v.picklist(['stopped', 'forgotten'])),
});
export type RunParameters = v.InferOutput<typeof runParameters>;

export function writeRunParameters(folder: string, parameters: RunParameters): void {
  writeFileAtomically(join(folder, runParametersName), [`${JSON.stringify(parameters, null, 2)}\n`]);
}

/** Undefined where there are none: a run that was not started in a project, or no run. */
export function readRunParameters(folder: string): RunParameters | undefined {
  const path = join(folder, runParametersName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not valid JSON: ${(error as Error).message}.`, { cause: error });
  }
  return parseConfig(runParameters, value, path);
}

/**
 * The parameters with which the run in `folder` goes on: its own, or, where it was started by hand, what its manifest
 * says.
 *
 * @throws UserError where there is no run
 */
export function parametersToResume(folder: string): RunParameters {
  const own = readRunParameters(folder);
  const manifest = readManifest(folder);
  // Started without saying how many threads, it goes on with as many as the engine took.
  if (own)
    return { ...own, device: own.device ?? 'cpu', threads: own.threads ?? manifest?.stages.at(-1)?.settings.threads };
  const last = manifest?.stages.at(-1);
  if (!manifest || !last) throw new UserError(`There is no run in ${folder}.`);
  const { seed, engine = 'onnx', precision, device, threads, data } = last.settings;
  const stages = manifest.stages.map(({ stage }) => stage);
  const unfinished = manifest.stages.filter(({ status }) => status !== 'done');
  const stage = unfinished.length > 1 ? 'all' : (unfinished[0] ?? last).stage;
  const config: [StageName, StageSettings['config']][] = manifest.stages.map((record) => [
    record.stage,
    record.settings.config,
  ]);
  return {
    version: 1,
    title: stageTitle(stages.length === 3 ? 'all' : stage),
    stage,
    model: manifest.base.path,
    data: data.path,
    config: Object.fromEntries(config),
    seed,
    engine,
    precision,
    device,
    threads,
    createdAt: manifest.createdAt,
  };
}
