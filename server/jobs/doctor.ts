import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { cudaProblem } from '../cuda/home.ts';
import { devicesHere, probeDevice } from '../devices/probe.ts';
import { deviceStates } from '../devices/states.ts';
import { availableMemory, gigabytes } from '../engine/weights/memory.ts';
import { describeHolder } from '../lock.ts';
import { packageRoot, palateHome } from '../paths.ts';
import type { DeviceName, DoctorReport, EngineName, MemoryNeed, ProjectFolder } from '../protocol/types.ts';
import { defaultConfig } from '../store/projectConfig.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import { basePath } from './baseModel.ts';
import { crashSentence } from './createEngineHost.ts';
import { deviceLimits, deviceNeedChecks, deviceNeeds } from './deviceNeeds.ts';
import { heldCheck, needsCheck } from './doctorMemory.ts';
import type { EngineHost } from './engineHost.ts';
import { EngineCrashed } from './engineProcess.ts';
import { engineStates } from './forecast.ts';
import { memoryNeeds } from './memoryNeeds.ts';
import { modelDescription } from './modelDescription.ts';
import { trainingHolder, trainingLockPath } from './projectLock.ts';

type Check = DoctorReport['checks'][number];

/** Another model or engine than the project's. */
export interface NamedModel {
  readonly model?: string;
  readonly engine?: EngineName;
}

/** Below this a run's checkpoints may not fit. */
const enoughDisk = 2e9;

/** What is found on this machine and in a project, each with what to do where it is not well. */
export async function examine(
  engine: Pick<EngineHost, 'call'>,
  project?: { readonly folder: ProjectFolder; readonly store: ProjectStore },
  named: NamedModel = {},
): Promise<DoctorReport> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const memory = await memoryChecks(engine, project, named);
  const here = devicesHere();
  const probed = await Promise.all(here.map((device) => probeDevice(device)));
  const devices = await deviceLimits(probed);
  const needs = await deviceNeeds(devices, (await project?.store.config().catch(() => undefined)) ?? defaultConfig());
  const checks = [
    checkNode(),
    await engineCheck(engine),
    ...engineStates()
      .filter(({ name }) => name !== 'onnx')
      .map(({ message, ready }): Check => ({ name: 'TensorFlow', ok: ready, message, optional: true })),
    ...(await deviceStates(here, async (device) => probed[here.indexOf(device)])).map(
      ({ title, ready, message }): Check => ({ name: title, ok: ready, message, optional: true }),
    ),
    ...cudaCheck(here),
    ...deviceNeedChecks(needs),
    checkEmbedded(),
    checkHome(),
    ...(project ? await projectChecks(project.folder, project.store) : []),
    ...memory.checks,
  ];
  return {
    palate: version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: availableParallelism(),
    memory: { total: totalmem(), available: availableMemory() },
    ...(memory.needs && { needs: memory.needs }),
    devices,
    deviceNeeds: needs,
    checks,
  };
}

function checkNode(): Check {
  const ok = Number(process.versions.node.split('.')[0]) >= 20;
  return {
    name: 'Node',
    ok,
    message: ok ? process.version : `${process.version} is too old: Palate needs 20 or newer.`,
  };
}

async function engineCheck(engine: Pick<EngineHost, 'call'>): Promise<Check> {
  const name = 'Engine';
  try {
    const { pid, memory } = await engine.call('describe', {}, { priority: 'interactive' });
    return { name, ok: true, message: `onnxruntime is loaded in process ${pid}, with ${gigabytes(memory.resident)}` };
  } catch (error) {
    const reason = error instanceof EngineCrashed ? crashSentence(error) : (error as Error).message;
    return { name, ok: false, message: `${reason} Install Palate for ${process.platform}-${process.arch} again.` };
  }
}

/** Where NVIDIA's driver is there and onnxruntime's provider is not. */
function cudaCheck(here: readonly DeviceName[]): Check[] {
  if (here.includes('cuda') || cudaProblem() !== undefined || !existsSync('/proc/driver/nvidia/version')) return [];
  const message =
    "NVIDIA's driver is there, onnxruntime's provider is not: `palate install-cuda` (in the editor: Palate: Install CUDA Support) gets it";
  return [{ name: 'CUDA', ok: false, message, optional: true }];
}

/** What is held, and what will be needed: of the named model, else of the project's; neither: of none. */
async function memoryChecks(
  engine: Pick<EngineHost, 'call'>,
  project: { readonly folder: ProjectFolder; readonly store: ProjectStore } | undefined,
  named: NamedModel,
): Promise<{ readonly checks: readonly Check[]; readonly needs?: readonly MemoryNeed[] }> {
  const checks: Check[] = [];
  try {
    checks.push(heldCheck(await engine.call('describe', {}, { priority: 'interactive' })));
  } catch {
    // The check of the engine says why it does not answer.
  }
  if (!project && named.model === undefined) return { checks };
  try {
    const config = await (project ? project.store.config() : defaultConfig());
    const model = named.model === undefined ? basePath(project!.folder, config.model) : resolve(named.model);
    const rows = project ? (await project.store.preferences({ modality: 'text' })).rows : [];
    const trains = named.engine ?? config.engine;
    const needs = await memoryNeeds(model, { ...config, engine: trains }, rows);
    return { checks: [...checks, needsCheck(needs, trains)], needs };
  } catch (error) {
    return { checks: [...checks, { name: 'Memory needed', ok: false, message: (error as Error).message }] };
  }
}

function checkEmbedded(): Check {
  const path = basePath('', 'embedded');
  const ok = existsSync(join(path, 'model.safetensors'));
  return { name: 'Embedded model', ok, message: ok ? path : `It is not in ${path}: install Palate again.` };
}

function checkHome(): Check {
  return { name: 'Folder for large files', ok: true, message: palateHome() };
}

async function projectChecks(folder: ProjectFolder, store: ProjectStore): Promise<Check[]> {
  const checks: Check[] = [];
  const attempt = async (name: string, work: () => Promise<string>) => {
    try {
      checks.push({ name, ok: true, message: await work() });
    } catch (error) {
      checks.push({ name, ok: false, message: (error as Error).message });
    }
  };
  await attempt('palate.json', async () => {
    const { device, engine, model } = await store.config();
    return `model ${model}, engine ${engine}, device ${device}`;
  });
  await attempt('Project', async () => {
    const { counts, problems } = await store.info();
    if (problems.length > 0) throw new Error(problems.join(' '));
    const { prompts, textResponses, imageResponses, textPreferences } = counts;
    return `${prompts} prompts, ${textResponses + imageResponses} responses, ${textPreferences} preferences on text`;
  });
  await attempt('Base model', async () => {
    const { path, parameters, float32Bytes } = await modelDescription(basePath(folder, (await store.config()).model));
    return `${path}: ${(parameters / 1e6).toFixed(1)} million weights, ${gigabytes(float32Bytes)} in memory`;
  });
  await attempt('Disk', async () => {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize >= enoughDisk) return `${gigabytes(bavail * bsize)} free`;
    throw new Error(`only ${gigabytes(bavail * bsize)} free: a run of a real model may not fit.`);
  });
  for (const { name, decisions, prefersA, gold } of (await store.agreement()).annotators) {
    const share = (part: number, of: number) => `${Math.round((100 * part) / of)} % of ${of}`;
    const facts = [
      `${decisions} decided`,
      ...(prefersA.of > 0 ? [`A preferred in ${share(prefersA.share * prefersA.of, prefersA.of)}`] : []),
      ...(gold.pairs > 0 ? [`right in ${share(gold.right, gold.pairs)} gold questions`] : []),
    ];
    checks.push({ name: `Annotator ${name}`, ok: true, message: facts.join(', ') });
  }
  const holder = trainingHolder(folder);
  const path = trainingLockPath(folder);
  const message = holder
    ? `run ${holder.subject} is trained by ${describeHolder(path, holder)}`
    : 'nothing is under way';
  checks.push({ name: 'Training', ok: true, message });
  return checks;
}
