import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processExists } from '../../../server/lock.ts';
import type { Job, RunSummary } from '../../../server/protocol/types.ts';
import { cheerful } from '../../../test/support/demoProject.ts';
import { gone } from '../../../test/support/gone.ts';
import { type ServerClient, startServer } from '../../../test/support/serverClient.ts';

export interface KillsOptions {
  /** The built server. */
  readonly program: string;
  readonly project: string;
  readonly kills: number;
  readonly seed?: number;
  readonly note?: (text: string) => void;
}

export interface KillsResult {
  readonly serverKills: number;
  readonly engineKills: number;
  /** Labels that were acknowledged, and those of them that the project no longer knew at any time. */
  readonly labels: number;
  readonly lostLabels: number;
  /** Times that the project or a run could not be read. */
  readonly unreadable: number;
  /** Times that the interrupted training could not be gone on with. */
  readonly stuck: number;
  /** Runs that came to their end. */
  readonly finishedRuns: number;
  /** Processes that outlived their server. */
  readonly orphans: number;
}

const annotator = 'ann';

/**
 * Labels and trains, and kills the server or its engine (SIGKILL) at random moments, so many times; then lets the last
 * run come to its end.
 */
export async function killWhileWorking(options: KillsOptions): Promise<KillsResult> {
  const { program, project, kills, seed = 1, note = () => {} } = options;
  const random = generator(seed);
  const counts = { serverKills: 0, engineKills: 0, lostLabels: 0, unreadable: 0, stuck: 0, orphans: 0 };
  const labels: string[] = [];
  const engines = new Set<number>();
  let server = await startServer({ program });
  for (let kill = 0; kill < kills; kill++) {
    const problem = await readProblem(server, project, labels);
    if (problem === 'lost') counts.lostLabels++;
    else if (problem !== undefined) counts.unreadable++;
    const labelling = label(server, project, labels);
    const job = await goOn(server, project).catch((error: Error) => {
      note(`kill ${kill}: ${error.message}`);
      counts.stuck++;
      return undefined;
    });
    // From the first millisecond, while the model is loading, to some way into a later stage.
    await delay(random() ** 2 * 3000);
    if (job && failed(server, job)) {
      note(`kill ${kill}: ${failed(server, job)}`);
      counts.stuck++;
    }
    const engine = job && trainingProcess(project, job);
    if (engine !== undefined) engines.add(engine);
    if (engine !== undefined && random() < 0.5) {
      counts.engineKills++;
      process.kill(engine, 'SIGKILL');
      const ended = await server.jobEnds(job as Job);
      // It may have come to its end in that moment.
      if (ended.status !== 'failed' && ended.status !== 'done') counts.stuck++;
      labelling.stop();
      await labelling.ended;
    } else {
      counts.serverKills++;
      labelling.stop();
      await server.kill();
      await labelling.ended;
      server = await startServer({ program });
    }
    if (kill % 20 === 19) note(`${kill + 1} of ${kills} kills, ${labels.length} labels`);
  }
  const last = await goOn(server, project);
  const ended = await server.jobEnds(last);
  if (ended.status !== 'done') {
    note(`the last run: ${ended.status} ${ended.failure ?? ''}`);
    counts.stuck++;
  }
  const problem = await readProblem(server, project, labels);
  if (problem === 'lost') counts.lostLabels++;
  else if (problem !== undefined) counts.unreadable++;
  const runs = await server.call('listRuns', { project });
  await server.close();
  for (const pid of engines) {
    await gone(pid).catch(() => counts.orphans++);
  }
  const finishedRuns = runs.filter(({ status }) => status === 'done').length;
  return { ...counts, labels: labels.length, finishedRuns };
}

/** Goes on with the run that stands still, or starts one. */
async function goOn(server: ServerClient, project: string): Promise<Job> {
  const standing = (await server.call('listRuns', { project })).find(canGoOn);
  const job = standing
    ? await server.call('resumeRun', { project, run: standing.id })
    : await server.call('train', { project, stage: 'all' });
  return job;
}

/** An engine whose server was killed still saves: its run is asked for as well, and waits for it. */
function canGoOn({ status, offered, runningIn }: RunSummary): boolean {
  return offered === true || (status === 'running' && runningIn === 'elsewhere');
}

/** Why a job failed by itself, if it did. */
function failed(server: ServerClient, { id }: Job): string | undefined {
  const changes = server.told.flatMap((told) => (told.name === 'jobChanged' && told.job.id === id ? told.job : []));
  return changes.at(-1)?.failure;
}

/** The engine at work on a job's run, as the run's lock names it. */
function trainingProcess(project: string, { run = '' }: Job): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(project, '.palate', 'runs', run, 'lock.json'), 'utf8'));
    return processExists(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Labels one comparison after the other until it is stopped or the server is gone; `labels` takes the acknowledged ids. */
function label(server: ServerClient, project: string, labels: string[]): { stop(): void; ended: Promise<void> } {
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      const queue = await server.call('nextComparisons', { project, annotator, count: 1, held: [] });
      const [comparison] = queue.comparisons;
      if (!comparison) return;
      const { event } = await server.call('decide', { project, annotator, decision: cheerful(comparison) });
      labels.push(event.id);
      // As fast as a quick person.
      await delay(100);
    }
  };
  const ended = Promise.race([work(), new Promise((resolve) => server.connection.onClose(() => resolve(0)))]);
  return {
    stop() {
      stopped = true;
    },
    // The server that answers no more was killed.
    ended: ended.then(
      () => {},
      () => {},
    ),
  };
}

/** 'lost', or why the project cannot be read; undefined: all is well. */
async function readProblem(
  server: ServerClient,
  project: string,
  labels: readonly string[],
): Promise<string | undefined> {
  try {
    const { progress } = await server.call('nextComparisons', { project, annotator, count: 1, held: [] });
    const runs = await server.call('listRuns', { project });
    const [info] = await server.call('listProjects', { folders: [project] });
    if (info.problems.length > 0) return info.problems.join(' ');
    const broken = runs.find(
      ({ status, failure }) => status === 'failed' && /cannot be read|not a/.test(failure ?? ''),
    );
    if (broken) return broken.failure;
    const written = idsIn(join(project, 'feedback'));
    const lost = labels.some((id) => !written.has(id));
    return lost || progress.decided < labels.length ? 'lost' : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Ids of the events in the logs of a folder; the part of a line that a crash has left holds none. */
function idsIn(folder: string): Set<string> {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  return new Set(
    lines.flatMap((line) => {
      try {
        return [(JSON.parse(line) as { id: string }).id];
      } catch {
        return [];
      }
    }),
  );
}

/** Numbers from 0 to 1 (Park and Miller): the same kills at about the same moments each time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
