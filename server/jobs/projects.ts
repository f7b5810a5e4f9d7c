import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import type { JobParts } from './openProject.ts';

export const projectFileName = 'palate.json';

export interface ProjectsOptions extends Omit<JobParts, 'project' | 'store'> {
  openStore(folder: ProjectFolder): Promise<ProjectStore>;
  /** Called once a project is open, before anything is asked of it. */
  onOpen?(parts: JobParts): void;
}

/** The projects that are open in this process. */
export interface Projects {
  /** Opens the project in a folder, once. Throws a UserError where there is none. */
  open(folder: ProjectFolder): Promise<JobParts>;
  /** The project that a file belongs to: the nearest folder above it with a palate.json. */
  of(path: string): Promise<ProjectFolder | undefined>;
  close(): Promise<void>;
}

export function createProjects({ openStore, onOpen, ...shared }: ProjectsOptions): Projects {
  const opened = new Map<ProjectFolder, Promise<JobParts>>();

  async function openOnce(project: ProjectFolder): Promise<JobParts> {
    if (!(await isProject(project))) {
      throw new UserError(`${project} is no Palate project: there is no ${projectFileName} in it.`);
    }
    const parts = { ...shared, project, store: await openStore(project) };
    onOpen?.(parts);
    return parts;
  }

  return {
    open(folder) {
      const project = resolve(folder);
      const known = opened.get(project);
      if (known) return known;
      const opening = openOnce(project);
      opened.set(project, opening);
      // Asked again it may be there.
      opening.catch(() => opened.delete(project));
      return opening;
    },
    of: (path) => nearestProject(dirname(resolve(path))),
    async close() {
      const parts = await Promise.allSettled(opened.values());
      await Promise.allSettled(
        parts.map((part) => (part.status === 'fulfilled' ? part.value.store.close() : undefined)),
      );
    },
  };
}

/** The project that a command in `folder` is about: the folder's own, or that of a folder above it. */
export async function nearestProject(folder: string): Promise<ProjectFolder | undefined> {
  for (let above = resolve(folder); ; above = dirname(above)) {
    if (await isProject(above)) return above;
    if (dirname(above) === above) return undefined;
  }
}

async function isProject(folder: string): Promise<boolean> {
  const status = await stat(join(folder, projectFileName)).catch(() => undefined);
  return status?.isFile() === true;
}
