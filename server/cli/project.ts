import { Progress, type ProgressStage } from '../demo/progress.ts';
import { UserError } from '../errors.ts';
import { createEngineHost } from '../jobs/createEngineHost.ts';
import { type JobHandle, JobQueue } from '../jobs/jobQueue.ts';
import type { JobParts } from '../jobs/openProject.ts';
import { createProjects } from '../jobs/projects.ts';
import type { Job } from '../protocol/types.ts';
import { findProject } from '../store/findProject.ts';
import { openProjectStore } from '../store/openProjectStore.ts';
import type { Console } from './console.ts';

/** A project as a command works in it: what the editor's server does, in this process. */
export interface CommandProject {
  readonly parts: JobParts;
  close(): Promise<void>;
}

/** Opens the project that a command is about. */
export async function openCommandProject(console: Console, dir: string | undefined): Promise<CommandProject> {
  const projects = createProjects({
    engine: createEngineHost({ createEngine: () => console.engine }),
    queue: new JobQueue({ onFault: (_, error) => console.say(error instanceof Error ? `${error.stack}` : `${error}`) }),
    threads: () => undefined,
    openStore: openProjectStore,
  });
  const parts = await projects.open(findProject(dir ?? '.'));
  return { parts, close: () => projects.close() };
}

/**
 * Waits for a job. Ctrl+C stops it, which saves.
 *
 * @param onPaused called where a training was saved because the person pressed Ctrl+C
 * @throws UserError with the job's sentence where it failed
 */
export async function followJob(
  console: Console,
  { queue }: JobParts,
  handle: JobHandle,
  onPaused?: () => void,
): Promise<Job> {
  const stop = () => queue.stop(handle.job.id, console.interruptCode === 130 ? onPaused : undefined);
  if (console.signal.aborted) stop();
  console.signal.addEventListener('abort', stop);
  try {
    const job = await handle.ended;
    if (job.status === 'failed') throw new UserError(job.failure ?? `${job.title} failed.`);
    return job;
  } finally {
    console.signal.removeEventListener('abort', stop);
  }
}

/** Follows a job: a bar, then what `show` prints of a job that is done, then its summary. */
export async function runPlainJob(
  console: Console,
  parts: JobParts,
  title: string,
  start: () => Promise<JobHandle>,
  show?: (job: Job) => void,
): Promise<number> {
  const stage: ProgressStage = { name: 'job', title, weight: 1 };
  const progress = new Progress([stage]);
  console.onInterrupt(() => progress.stop('Stopping …'));
  progress.begin(stage.name);
  let timer: NodeJS.Timeout | undefined;
  try {
    const handle = await start();
    let said = 0;
    timer = setInterval(() => {
      const { progress: at, notices } = handle.job;
      for (; said < notices.length; said++) progress.say(notices[said]);
      if (at) progress.update(at.total > 0 ? at.done / at.total : 0, at.what);
    }, 100);
    const job = await followJob(console, parts, handle);
    for (; said < job.notices.length; said++) progress.say(job.notices[said]);
    if (job.status === 'done') progress.close();
    else progress.stop();
    if (job.status === 'done') show?.(job);
    const { status, summary, output } = job;
    if (console.json) console.resultJson({ status, summary, output, seconds: console.seconds() });
    else console.result(`${summary ?? status} · ${console.seconds()} s`);
    return job.status === 'done' ? 0 : (console.interruptCode ?? 0);
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}
