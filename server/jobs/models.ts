import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { parseConfig } from '../config.ts';
import { adapterFolders, readManifest } from '../engine/run/manifest.ts';
import { writeFileAtomically } from '../engine/weights/files.ts';
import { UserError } from '../errors.ts';
import { type NamedModel, namedModel } from '../library/names.ts';
import type { ProjectFolder, ProjectModel, RunSummary, StageName } from '../protocol/types.ts';
import { baseName, basePath, embeddedName } from './baseModel.ts';
import { listRuns, type RunHere, runFolder } from './runs.ts';

/** What the person chose; absent: the newest. */
const choices = v.strictObject({
  version: v.literal(1),
  reward: v.optional(v.string()),
  policy: v.optional(v.string()),
});
type Choices = v.InferOutput<typeof choices>;

/** A model with what the engine is called with. */
export interface UsableModel {
  readonly id: string;
  readonly kind: ProjectModel['kind'];
  /** Of the base model, resolved. */
  readonly model: string;
  readonly adapter?: string;
}

/** Of whom models are listed. */
export interface ModelsOf {
  readonly project: ProjectFolder;
  /** palate.json's model. */
  readonly base: string;
  readonly isHere: RunHere;
  /** Otherwise the path of the base model is not looked at. */
  readonly trusted: boolean;
}

/** The base model, then the adapters of every run, newest run first. */
export async function listModels(of: ModelsOf): Promise<ProjectModel[]> {
  const { project, base, isHere } = of;
  const { path, named, problem } = baseOf(of);
  const runs = await listRuns(project, isHere);
  const absent =
    problem === undefined ? {} : { problem: `"model" in palate.json is ${JSON.stringify(base)}: ${problem}` };
  const bare = { id: named ? base : baseName(path), kind: 'base' as const, path, ...absent };
  const models = [bare, ...runs.flatMap((run) => adaptersOf(run, path))];
  const active = activeIds(models, readChoices(project));
  return models.map((model) => ({ ...model, active: active.has(model.id) }));
}

/** Makes a model the one whose scores are shown, or the one that generates. Answers which of the two. */
export async function chooseModel(of: ModelsOf, id: string): Promise<'reward' | 'policy'> {
  const model = (await listModels(of)).find((candidate) => candidate.id === id);
  if (!model) throw new UserError(`There is no model ${JSON.stringify(id)} in this project.`);
  if (model.problem) throw new UserError(`${id} cannot be used: ${model.problem}`);
  const role = model.kind === 'reward' ? 'reward' : 'policy';
  const path = choicesPath(of.project);
  writeFileAtomically(path, [`${JSON.stringify({ ...readChoices(of.project), [role]: id }, null, 2)}\n`]);
  return role;
}

/** The reward model whose scores are shown; undefined where none is trained. */
export async function activeReward(of: ModelsOf): Promise<UsableModel | undefined> {
  const found = (await listModels(of)).find(({ kind, active }) => kind === 'reward' && active);
  return found && usable(of, found);
}

/**
 * The model that generates: the one that was asked for, else the chosen one, else the newest policy, else the base.
 *
 * @throws UserError where the one that was asked for is not there or cannot be used
 */
export async function generatingModel(of: ModelsOf, id?: string): Promise<UsableModel> {
  const models = await listModels(of);
  const wanted =
    id === undefined
      ? models.find(({ kind, active }) => kind !== 'reward' && active)
      : models.find((model) => model.id === id);
  if (!wanted) throw new UserError(`There is no model ${JSON.stringify(id)} in this project.`);
  if (wanted.problem) throw new UserError(wanted.problem);
  if (wanted.kind === 'reward') throw new UserError(`${wanted.id} is a reward model: it judges, and writes nothing.`);
  return usable(of, wanted);
}

/** The models of one run, for comparing before and after. */
export function runModels(project: ProjectFolder, run: string): Partial<Record<'sft' | 'reward' | 'policy', string>> {
  const folder = runFolder(project, run);
  const names = ['sft', 'reward', 'policy'] as const;
  const whole = names.filter((name) => isWhole(join(folder, name)));
  return Object.fromEntries(whole.map((name) => [name, join(folder, name)]));
}

/** The base model that a run's adapters stand on. */
export function runBase(project: ProjectFolder, run: string): string {
  const manifest = readManifest(runFolder(project, run));
  if (!manifest) throw new UserError(`The run ${run} has not begun: there is nothing to compare.`);
  return basePath(project, baseName(manifest.base.path));
}

/** What palate.json's model is; nothing is looked for in a workspace that is not trusted. */
function baseOf({ project, base, trusted }: ModelsOf): NamedModel {
  if (trusted || base === embeddedName) return namedModel(project, base);
  return { path: resolve(project, base), named: false };
}

function usable(of: ModelsOf, { id, kind, path, run }: ProjectModel): UsableModel {
  if (kind === 'base' || run === undefined) return { id, kind, model: path };
  // A run of the embedded model goes on being one after an update moved it.
  return { id, kind, model: baseOf(of).path, adapter: path };
}

type Found = Omit<ProjectModel, 'active'>;

function adaptersOf(run: RunSummary, base: string): Found[] {
  // What is used most first.
  const order: readonly StageName[] = ['ppo', 'reward', 'sft'];
  return order.flatMap((stage): Found[] => {
    if (run.stages.find((record) => record.stage === stage)?.status !== 'done') return [];
    const name = adapterFolders[stage];
    const path = join(run.folder, name);
    return [{ id: `${run.id}/${name}`, kind: name, path, run: run.id, ...problemOf(run, path, base) }];
  });
}

function problemOf(run: RunSummary, adapter: string, base: string): { readonly problem?: string } {
  if (!isWhole(adapter)) return { problem: `The adapter in ${adapter} is not whole: train it again.` };
  if (baseName(run.base) === baseName(base)) return {};
  return { problem: `It was trained on ${run.base}, and palate.json says ${baseName(base)} now.` };
}

function isWhole(folder: string): boolean {
  return ['adapter_config.json', 'adapter_model.safetensors'].every((name) => existsSync(join(folder, name)));
}

function activeIds(models: readonly Found[], chosen: Choices): Set<string> {
  const fine = models.filter(({ problem }) => problem === undefined);
  const reward = fine.filter(({ kind }) => kind === 'reward');
  const writing = fine.filter(({ kind }) => kind !== 'reward');
  const active = [
    reward.find(({ id }) => id === chosen.reward) ?? reward.at(0),
    writing.find(({ id }) => id === chosen.policy) ?? writing.find(({ kind }) => kind === 'policy') ?? models.at(0),
  ];
  return new Set(active.map((model) => model?.id ?? ''));
}

function choicesPath(project: ProjectFolder): string {
  return join(project, '.palate', 'models.json');
}

/** A file that cannot be read is a choice that was not made: the newest models are used, and choosing mends it. */
function readChoices(project: ProjectFolder): Choices {
  const path = choicesPath(project);
  try {
    return parseConfig(choices, JSON.parse(readFileSync(path, 'utf8')), path);
  } catch {
    return { version: 1 };
  }
}
