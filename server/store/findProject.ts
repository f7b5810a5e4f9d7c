import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { projectFile } from './projectConfig.ts';

/**
 * The project that a folder is in: itself or the nearest above it with a palate.json.
 *
 * @throws UserError where there is none
 */
export function findProject(folder: string): string {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(join(path, projectFile))) return path;
    if (path === dirname(path)) {
      throw new UserError(
        `${resolve(folder)} is in no Palate project: neither it nor a folder above has a ${projectFile}.`,
      );
    }
  }
}
