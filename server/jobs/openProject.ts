import type { ProjectFolder } from '../protocol/types.ts';
import type { ProjectConfig } from '../store/projectConfig.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import type { EngineHost } from './engineHost.ts';
import type { JobQueue } from './jobQueue.ts';
import { isActive } from './jobQueue.ts';
import type { ModelsOf } from './models.ts';
import type { RunHere } from './runs.ts';

/** What every job needs: whose it is, and with what it works. */
export interface JobParts {
  readonly project: ProjectFolder;
  readonly store: ProjectStore;
  readonly engine: EngineHost;
  readonly queue: JobQueue;
  /** Threads for a new run; undefined: the engine's own number. */
  readonly threads: () => number | undefined;
  /** Whether paths that palate.json names may be looked at. Default: yes. */
  readonly trusted?: () => boolean;
}

/** Whether this server trains a run of the project. */
export function runsHere({ project, queue }: JobParts): RunHere {
  return (run) =>
    queue.active((job) => job.kind === 'train' && job.project === project && job.run === run && isActive(job)) !==
    undefined;
}

export function modelsOf(parts: JobParts, config: ProjectConfig): ModelsOf {
  return { project: parts.project, base: config.model, isHere: runsHere(parts), trusted: parts.trusted?.() ?? true };
}
