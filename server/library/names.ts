import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { findInCache } from '../hub/cache.ts';
import { parseReference } from '../hub/reference.ts';
import type { FoundModel } from '../hub/snapshot.ts';
import { packageRoot } from '../paths.ts';
import { findAdded } from './added.ts';
import { findDownloaded } from './downloaded.ts';

export const embeddedModel = 'embedded';

/** The folder of the model that comes with Palate. */
export function embeddedFolder(): string {
  return join(packageRoot(), 'models', 'tiny');
}

/** What a model's name stands for on this machine. */
export interface NamedModel {
  /** Absolute. Nothing says that it is there. */
  readonly path: string;
  /** It was found by a name: "embedded", an added one, or one of the hub. */
  readonly named: boolean;
  /** Why it can't be used, and what to do. */
  readonly problem?: string;
}

/**
 * What `model`, as palate.json or a command line says it, stands for: "embedded", a path from `folder`, a name that was
 * added, or a model of the hub that is on this machine. What is there as a path wins.
 */
export function namedModel(folder: string, model: string): NamedModel {
  if (model === embeddedModel) return { path: embeddedFolder(), named: true };
  const path = pathFrom(folder, model);
  if (existsSync(path)) return { path, named: false };
  const added = findAdded(model);
  if (added) {
    const problem = `${model} was added as ${added.path}, which is gone: add it again from where it is now.`;
    return { path: added.path, named: true, ...(!existsSync(added.path) && { problem }) };
  }
  const reference = parseReference(model);
  if (!reference) {
    const problem = `there is no ${path}. Give a GGUF file, a Hugging Face folder, "${embeddedModel}", or a name that \`palate model list\` shows.`;
    return { path, named: false, problem };
  }
  const found = findLocal(model);
  if (found && !found.problem) return { path: found.path, named: true };
  const add = `\`palate model add ${model}\` or Palate: Add Model… gets it from the hub.`;
  const absent = `there is neither ${path} nor a model of that name on this machine. ${add}`;
  const problem = found?.incomplete ? `${found.problem} ${add}` : (found?.problem ?? absent);
  return { path, named: false, problem };
}

/** A model of the hub that is on this machine: in the hub's own cache, else in the person's folder of Palate. */
export function findLocal(model: string): FoundModel | undefined {
  const reference = parseReference(model);
  if (!reference) return undefined;
  const cached = findInCache(reference);
  if (cached && !cached.problem) return cached;
  return findDownloaded(reference) ?? cached;
}

function pathFrom(folder: string, model: string): string {
  if (model === '~' || /^~[/\\]/.test(model)) return join(homedir(), model.slice(1));
  return resolve(folder, model);
}
