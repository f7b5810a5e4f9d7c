/** A training panel's host over folders of real runs: what the server reads, without an editor and a server. */
import { basename, dirname } from 'node:path';
import { readRun, readRunSummary } from '../../server/jobs/runs.ts';
import type { Job, Outcome, RunSummary } from '../../server/protocol/types.ts';
import type { Handlers } from '../../webviews/protocol/messenger.ts';
import type { TrainingHostMethods, TrainingStart } from '../../webviews/protocol/training.ts';

export interface RunFoldersOptions {
  /** PROJECT/.palate/runs/NAME; in the order in which they are offered. */
  readonly folders: readonly string[];
  /** What else the summaries say, by run; `runningIn: 'here'`: this server trains it. */
  readonly changes?: Readonly<Record<string, Partial<RunSummary>>>;
  readonly jobs?: readonly Job[];
  readonly outcomes?: Readonly<Record<string, Outcome>>;
  readonly start?: Partial<TrainingStart>;
}

export interface RunFolders extends Handlers<TrainingHostMethods> {
  options: RunFoldersOptions;
  /** Everything that the person asked for, as "what run". */
  readonly acts: string[];
  /** Every position that was read from, as "run metric sample". */
  readonly reads: string[];
  runs(): Promise<RunSummary[]>;
}

/** Answers as the extension would; `options` may change while it is used. */
export function runFolders(options: RunFoldersOptions): RunFolders {
  const changesOf = (id: string) => folders.options.changes?.[id] ?? {};
  const isHere = (id: string) => changesOf(id).runningIn === 'here';
  const projectOf = (folder: string) => dirname(dirname(dirname(folder)));
  const folders: RunFolders = {
    options,
    acts: [],
    reads: [],
    runs: () =>
      Promise.all(
        folders.options.folders.map(async (folder) => {
          const id = basename(folder);
          return { ...(await readRunSummary(projectOf(folder), id, isHere)), ...changesOf(id) };
        }),
      ),
    async ready({ run }) {
      const runs = await folders.runs();
      const kept = runs.find(({ id }) => id === run) ?? runs[0];
      return { runs, jobs: folders.options.jobs ?? [], run: kept?.id ?? null, ...folders.options.start };
    },
    async read({ run: id, fromMetric, fromSample }) {
      folders.reads.push(`${id} ${fromMetric} ${fromSample}`);
      const folder = folders.options.folders.find((candidate) => basename(candidate) === id);
      if (!folder) throw new Error(`There is no run ${id}.`);
      const page = await readRun(projectOf(folder), id, { metric: fromMetric, sample: fromSample }, isHere);
      return { ...page, run: { ...page.run, ...changesOf(id) } };
    },
    outcome: ({ run }) => folders.options.outcomes?.[run] ?? null,
    act({ run, what }) {
      folders.acts.push(run === undefined ? what : `${what} ${run}`);
      return null;
    },
  };
  return folders;
}
