import { randomUUID } from 'node:crypto';
import { UserError } from '../errors.ts';
import type { Job, JobKind, JobProgress, ProjectFolder } from '../protocol/types.ts';
import { crashSentence } from './createEngineHost.ts';
import { EngineCrashed, EngineStopped } from './engineProcess.ts';

/** What a job's work has to say on the way. */
export interface JobContext {
  /** Aborted when the job shall stop: the work saves what it has, and returns. */
  readonly signal: AbortSignal;
  progress(progress: JobProgress): void;
  notice(sentence: string): void;
}

/** How a job ended by itself. 'stopped': on request, with nothing to go on with. */
export interface JobEnding {
  readonly status: 'done' | 'paused' | 'stopped';
  readonly summary?: string;
  readonly output?: string;
}

export interface NewJob {
  readonly project?: ProjectFolder;
  readonly kind: JobKind;
  readonly title: string;
  readonly run?: string;
  work(context: JobContext): Promise<JobEnding>;
  /** Called once, however the job ended, before its last change is told. */
  ended?(): void;
}

export interface JobHandle {
  /** As it is now. */
  readonly job: Job;
  /** As it ended. Never rejects. */
  readonly ended: Promise<Job>;
}

interface Entry {
  job: Job;
  readonly asked: NewJob;
  readonly controller: AbortController;
  finish(job: Job): void;
  readonly ended: Promise<Job>;
  endedAt: number;
  onPaused?: () => void;
}

export interface JobQueueOptions {
  /** Told of every change of a job. */
  readonly onChange?: (job: Job) => void;
  /** Told of errors that are not the person's. */
  readonly onFault?: (job: Job, error: unknown) => void;
  readonly now?: () => number;
}

const keptMinutes = 30;
const keptJobs = 50;

/** Heavy work, one after the other: there is one engine. */
export class JobQueue {
  readonly #options: JobQueueOptions;
  readonly #entries: Entry[] = [];
  readonly #now: () => number;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(options: JobQueueOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  add(asked: NewJob): JobHandle {
    if (this.#closed) throw new UserError('Palate is ending: nothing new is started.');
    const { project, kind, title, run } = asked;
    const job: Job = {
      id: randomUUID(),
      ...(project !== undefined && { project }),
      kind,
      title,
      status: 'waiting',
      notices: [],
      ...(run ? { run } : {}),
    };
    let finish: (job: Job) => void = () => {};
    const ended = new Promise<Job>((resolve) => {
      finish = resolve;
    });
    const entry: Entry = { job, asked, controller: new AbortController(), finish, ended, endedAt: 0 };
    this.#entries.push(entry);
    this.#options.onChange?.(job);
    // After the caller has its handle: a job never changes before it is known.
    this.#working ??= Promise.resolve().then(() => this.#work());
    return {
      get job() {
        return entry.job;
      },
      ended,
    };
  }

  /** Waiting, running, and those that ended a while ago; oldest first. */
  list(): readonly Job[] {
    this.#forgetOld();
    return this.#entries.map(({ job }) => job);
  }

  find(id: string): Job | undefined {
    return this.#entries.find(({ job }) => job.id === id)?.job;
  }

  /** The one that has not ended. */
  active(chosen: (job: Job) => boolean): Job | undefined {
    return this.#entries.map(({ job }) => job).find((job) => isActive(job) && chosen(job));
  }

  /**
   * Answers whether the job was still to be stopped.
   *
   * @param onPaused called where it could be saved, before its last change is told
   */
  stop(id: string, onPaused?: () => void): boolean {
    const entry = this.#entries.find(({ job }) => job.id === id);
    if (!entry || !isActive(entry.job)) return false;
    entry.onPaused = onPaused ?? entry.onPaused;
    if (entry.job.status === 'waiting') {
      this.#end(entry, { status: 'stopped' });
    } else if (entry.job.status === 'running') {
      this.#change(entry, { status: 'stopping' });
      entry.controller.abort();
    }
    return true;
  }

  /** Stops everything; resolves when the last job has saved. */
  async close(): Promise<void> {
    this.#closed = true;
    const active = this.#entries.filter(({ job }) => isActive(job));
    for (const { job } of active) this.stop(job.id);
    await Promise.all(active.map(({ ended }) => ended));
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#entries.find(({ job }) => job.status === 'waiting');
      if (!next) break;
      await this.#run(next);
    }
    this.#working = undefined;
  }

  async #run(entry: Entry): Promise<void> {
    this.#change(entry, { status: 'running' });
    try {
      const ending = await entry.asked.work({
        signal: entry.controller.signal,
        progress: (progress) => this.#change(entry, { progress }),
        notice: (sentence) => this.#change(entry, { notices: [...entry.job.notices, sentence].slice(-100) }),
      });
      this.#end(entry, ending);
    } catch (error) {
      if (entry.controller.signal.aborted && error instanceof EngineStopped) this.#end(entry, { status: 'stopped' });
      else this.#end(entry, { status: 'failed', failure: this.#sentenceOf(entry.job, error) });
    }
  }

  #sentenceOf(job: Job, error: unknown): string {
    if (error instanceof UserError) return error.message;
    if (error instanceof EngineCrashed) return crashSentence(error);
    this.#options.onFault?.(job, error);
    return `${job.title} failed: ${error instanceof Error ? error.message : String(error)}`;
  }

  #end(entry: Entry, ending: JobEnding | { readonly status: 'failed'; readonly failure: string }): void {
    entry.endedAt = this.#now();
    try {
      if (ending.status === 'paused') entry.onPaused?.();
      entry.asked.ended?.();
    } catch (error) {
      this.#options.onFault?.(entry.job, error);
    }
    this.#change(entry, ending);
    entry.finish(entry.job);
    this.#forgetOld();
  }

  #change(entry: Entry, change: Partial<Job>): void {
    entry.job = { ...entry.job, ...change };
    this.#options.onChange?.(entry.job);
  }

  #forgetOld(): void {
    const before = this.#now() - keptMinutes * 60_000;
    const ended = this.#entries.filter(({ job }) => !isActive(job));
    const surplus = new Set(ended.slice(0, Math.max(0, ended.length - keptJobs)));
    for (const entry of ended) {
      if (entry.endedAt < before || surplus.has(entry)) this.#entries.splice(this.#entries.indexOf(entry), 1);
    }
  }
}

export function isActive({ status }: Job): boolean {
  return status === 'waiting' || status === 'running' || status === 'stopping';
}
