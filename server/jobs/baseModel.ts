import { join, resolve } from 'node:path';
import { packageRoot } from '../paths.ts';

export const embeddedName = 'embedded';

function embeddedFolder(): string {
  return join(packageRoot(), 'models', 'tiny');
}

/** The path of a project's base model. `model` as palate.json says it: "embedded", or a path relative to the project. */
export function basePath(project: string, model: string): string {
  return model === embeddedName ? embeddedFolder() : resolve(project, model);
}

/** The other way round: "embedded", or the absolute path. */
export function baseName(path: string): string {
  return path === embeddedName || resolve(path) === embeddedFolder() ? embeddedName : path;
}
