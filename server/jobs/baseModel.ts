import { resolve } from 'node:path';
import { embeddedFolder, embeddedModel, namedModel } from '../library/names.ts';

export const embeddedName = embeddedModel;

/** The path of a project's base model. `model` as palate.json says it. Nothing says that it is there. */
export function basePath(project: string, model: string): string {
  return namedModel(project, model).path;
}

/** The other way round: "embedded", or the absolute path. */
export function baseName(path: string): string {
  return path === embeddedName || resolve(path) === embeddedFolder() ? embeddedName : path;
}
