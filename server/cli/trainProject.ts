import type { JobHandle } from '../jobs/jobQueue.ts';
import type { JobParts } from '../jobs/openProject.ts';
import { noteEnding, resumeTraining, startTraining, type TrainingOptions } from '../jobs/training.ts';
import type { DeviceChoice, EngineName, Precision, StageName, TrainSummary } from '../protocol/types.ts';
import type { Console } from './console.ts';
import { followJob, openCommandProject } from './project.ts';
import { summaryText, watchTraining } from './trainingOutput.ts';

export interface ProjectTraining {
  readonly project: string | undefined;
  readonly stage: StageName | 'all';
  readonly engine: EngineName | undefined;
  readonly precision: Precision | undefined;
  readonly device: DeviceChoice | undefined;
  /** Go on in this run's folder with another stage. */
  readonly run: string | undefined;
  readonly options: Pick<TrainingOptions, 'seed' | 'threads' | 'maxNewTokens'>;
}

/** Trains on a project's preferences, in a run that the editor shows. */
export async function trainProject(console: Console, asked: ProjectTraining): Promise<number> {
  const { stage, engine, precision, device, run, options } = asked;
  return follow(console, asked.project, stage, (parts, watching) =>
    startTraining(parts, { stage, engine, precision, device, run }, { ...options, ...watching }),
  );
}

/** Goes on with a run of a project. */
export async function resumeInProject(
  console: Console,
  project: string | undefined,
  { run, stage }: { readonly run: string; readonly stage: StageName | 'all' },
): Promise<number> {
  return follow(console, project, stage, (parts, watching) => resumeTraining(parts, run, watching));
}

async function follow(
  console: Console,
  dir: string | undefined,
  stage: StageName | 'all',
  start: (parts: JobParts, watching: Pick<TrainingOptions, 'onEvent' | 'onResult'>) => Promise<JobHandle>,
): Promise<number> {
  const { parts, close } = await openCommandProject(console, dir);
  const watch = watchTraining(console, stage);
  let result: TrainSummary | undefined;
  try {
    const onResult = (summary: TrainSummary) => {
      result = summary;
    };
    const handle = await start(parts, { onEvent: watch.take, onResult });
    const run = handle.job.run ?? '';
    const job = await followJob(console, parts, handle, () => noteEnding(parts.project, run, 'stopped'));
    watch.progress.stop();
    if (!result) {
      console.say(`Stopped before it began (${job.status}).`);
      return console.interruptCode ?? 0;
    }
    if (console.json) console.resultJson({ run, ...result, seconds: console.seconds() });
    else console.result(summaryText(result, console.seconds()));
    if (result.status === 'done') return 0;
    console.say(`Stopped and saved. To go on: palate resume ${run}`);
    return console.interruptCode ?? 0;
  } finally {
    watch.progress.stop();
    await close();
  }
}
