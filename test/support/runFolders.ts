/** A training panel's host over folders of real runs, without an editor and a server. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { readManifest } from '../../server/engine/run/manifest.ts';
import type {
  Job,
  MetricsPoint,
  Outcome,
  RunHistory,
  RunSample,
  RunSummary,
  StageName,
} from '../../server/protocol/types.ts';
import type { Handlers } from '../../webviews/protocol/messenger.ts';
import type { TrainingHostMethods, TrainingStart } from '../../webviews/protocol/training.ts';

/** What a run's manifest says, as the server would tell it. */
export function runSummary(folder: string, change: Partial<RunSummary> = {}): RunSummary {
  const manifest = readManifest(folder);
  if (!manifest) throw new Error(`There is no run in ${folder}.`);
  const { status, failure, createdAt, updatedAt, base, stages } = manifest;
  return {
    id: basename(folder),
    folder,
    title: `Run ${basename(folder)}`,
    status,
    failure,
    createdAt,
    updatedAt,
    engine: 'onnx',
    base: base.path,
    runningIn: 'nowhere',
    stages: stages.map(({ stage, status, step, steps, seconds, metrics }) => ({
      stage,
      status,
      step,
      steps,
      seconds,
      metrics,
    })),
    ...change,
  };
}

/** At most `most` whole lines from a byte on. A position behind the file's end is answered with 0. */
function readLines(path: string, from: number, most: number): { readonly lines: string[]; readonly next: number } {
  if (!existsSync(path)) return { lines: [], next: 0 };
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (from > size) return { lines: [], next: 0 };
    const bytes = Buffer.alloc(size - from);
    readSync(file, bytes, 0, bytes.length, from);
    const lines: string[] = [];
    let place = 0;
    while (lines.length < most) {
      const end = bytes.indexOf('\n', place);
      if (end < 0) break;
      lines.push(bytes.toString('utf8', place, end));
      place = end + 1;
    }
    return { lines, next: from + place };
  } finally {
    closeSync(file);
  }
}

export interface RunFoldersOptions {
  /** Newest first. */
  readonly folders: readonly string[];
  /** What the manifests do not say, by run. */
  readonly changes?: Readonly<Record<string, Partial<RunSummary>>>;
  readonly jobs?: readonly Job[];
  readonly outcomes?: Readonly<Record<string, Outcome>>;
  readonly start?: Partial<TrainingStart>;
  /** Lines of a page; default: 1000. */
  readonly pageLines?: number;
}

export interface RunFolders extends Handlers<TrainingHostMethods> {
  options: RunFoldersOptions;
  /** Everything that the person asked for, as "what run". */
  readonly acts: string[];
  /** Every position that was read from, as "run metric sample". */
  readonly reads: string[];
  runs(): RunSummary[];
}

/** Answers as the extension would; `options` may change while it is used. */
export function runFolders(options: RunFoldersOptions): RunFolders {
  const folders: RunFolders = {
    options,
    acts: [],
    reads: [],
    runs: () =>
      folders.options.folders.map((folder) => runSummary(folder, folders.options.changes?.[basename(folder)])),
    ready: ({ run }) => {
      const runs = folders.runs();
      const kept = runs.find(({ id }) => id === run) ?? runs[0];
      return { runs, jobs: folders.options.jobs ?? [], run: kept?.id ?? null, ...folders.options.start };
    },
    read({ run: id, fromMetric, fromSample }): RunHistory {
      folders.reads.push(`${id} ${fromMetric} ${fromSample}`);
      const run = folders.runs().find((candidate) => candidate.id === id);
      if (!run) throw new Error(`There is no run ${id}.`);
      const most = folders.options.pageLines ?? 1000;
      const metrics = readLines(`${run.folder}/metrics.jsonl`, fromMetric, most);
      const samples = readLines(`${run.folder}/samples.jsonl`, fromSample, most);
      return {
        run,
        metrics: metrics.lines.map(pointOf),
        samples: samples.lines.map((line) => JSON.parse(line) as RunSample),
        nextMetric: metrics.next,
        nextSample: samples.next,
      };
    },
    outcome: ({ run }) => folders.options.outcomes?.[run] ?? null,
    act({ run, what }) {
      folders.acts.push(run === undefined ? what : `${what} ${run}`);
      return null;
    },
  };
  return folders;
}

function pointOf(line: string): MetricsPoint {
  const { stage, step, seconds, ...metrics } = JSON.parse(line) as Record<string, number>;
  return { stage: stage as unknown as StageName, step, metrics, seconds };
}
