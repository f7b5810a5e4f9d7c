import { availableParallelism } from 'node:os';
import type { Connection } from 'vscode-languageserver/node';
import { createEngineHost } from '../jobs/createEngineHost.ts';
import type { EngineProcess } from '../jobs/engineProcess.ts';
import { JobQueue } from '../jobs/jobQueue.ts';
import type { JobParts } from '../jobs/openProject.ts';
import { createProjects } from '../jobs/projects.ts';
import { activeRewardModel } from '../jobs/rewardModel.ts';
import { listRuns } from '../jobs/runs.ts';
import { startScoring } from '../jobs/scoringFile.ts';
import { resumeTraining } from '../jobs/training.ts';
import type { LanguageFeatures } from '../language/types.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { Scorer } from '../scores/scorer.ts';
import { registerHandlers } from './dispatcher.ts';
import { createHandlers } from './handlers.ts';
import { faultText, type Log, logTo } from './log.ts';
import { createNotifier, type Notifier } from './notifier.ts';
import { requireTrust, type ServerState, watchProject } from './serverState.ts';
import { defaultSettings, parseSettings } from './settings.ts';
import { createTensorflowSetups } from './tensorflowSetup.ts';
import type { ServerParts } from './types.ts';

export interface ServeOptions {
  /** Another engine than the built one, for tests. */
  readonly createEngine?: () => EngineProcess;
}

export interface Server {
  /** Stops every job, which saves, and lets go of everything. */
  close(): Promise<void>;
}

/** Puts the server together on a connection, and listens. */
export function serve(connection: Connection, parts: ServerParts, options: ServeOptions = {}): Server {
  let settings = defaultSettings;
  let language: LanguageFeatures | undefined;
  const notifier = createNotifier(connection);
  const annotators: ServerState['annotators'] = new Map();
  const ends: (() => void)[] = [];
  const log = logTo(connection);
  const threads = () => Math.max(1, availableParallelism() - settings.freeCores);
  const engine = createEngineHost({
    createEngine: options.createEngine,
    threads,
    check: () => requireTrust(settings),
    onCrash: log,
  });
  const [queue, downloads] = [toldQueue(notifier, log), toldQueue(notifier, log)];
  const projects = createProjects({
    engine,
    queue,
    threads,
    trusted: () => settings.trusted,
    openStore: (folder) => parts.openProjectStore(folder),
    onOpen(job) {
      if (language) ends.push(watchProject(job, state, language));
      if (settings.trusted && settings.onInterruptedRun === 'resume') {
        resumeInterrupted(job).catch((error) => log(faultText('Resuming the interrupted run', error)));
      }
    },
  });
  const tensorflow = createTensorflowSetups({
    check: () => requireTrust(settings),
    tell: (progress) => notifier.send('tensorflowSetup', progress, 'tensorflow'),
  });
  const scorers = new Map<ProjectFolder, Promise<Scorer>>();
  const state: ServerState = {
    connection,
    parts,
    engine,
    queue,
    downloads,
    projects,
    notifier,
    annotators,
    tensorflow,
    settings: () => settings,
    scorerOf(project) {
      const known = scorers.get(project) ?? projects.open(project).then((job) => scorerFor(job, parts, log));
      scorers.set(project, known);
      known.catch(() => scorers.delete(project));
      return known;
    },
    rewardChanged(project) {
      void scorers.get(project)?.then((scorer) => scorer.rewardModelChanged());
      notifier.send('scoresChanged', { project }, project);
      language?.refresh(project);
    },
  };
  language = parts.registerLanguageFeatures(connection, {
    projects: { of: (path) => projects.of(path), store: async (project) => (await projects.open(project)).store },
    scorerOf: state.scorerOf,
    settings: state.settings,
    scoreFile: (project, file) => void scoreWhole(state, project, file).catch((error) => log(faultText(file, error))),
    log,
  });
  const { capabilities } = language;
  connection.onInitialize(({ initializationOptions }) => {
    settings = parseSettings(initializationOptions);
    return {
      capabilities,
      serverInfo: { name: 'Palate' },
    };
  });
  connection.onDidChangeConfiguration(({ settings: changed }) => {
    settings = parseSettings(changed);
    language?.settingsChanged();
  });
  registerHandlers(connection, createHandlers(state), log);
  connection.listen();
  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= (async () => {
        await Promise.all([queue.close(), downloads.close(), tensorflow.close()]);
        for (const end of ends) end();
        notifier.close();
        language?.close();
        for (const scorer of scorers.values()) await scorer.then((open) => open.close()).catch(() => {});
        await Promise.all([projects.close(), parts.closeImages()]);
      })();
      return closing;
    },
  };
}

/** A queue whose jobs the editor is told of. */
function toldQueue(notifier: Notifier, log: Log): JobQueue {
  return new JobQueue({
    onChange(job) {
      notifier.send('jobChanged', { job }, job.id);
      const { project, run } = job;
      if (project !== undefined && run !== undefined) {
        notifier.send('runChanged', { project, run }, `${project} ${run}`);
      }
    },
    onFault: (job, error) => log(faultText(job.title, error)),
  });
}

function scorerFor(job: JobParts, parts: ServerParts, log: Log): Scorer {
  return parts.createScorer({
    store: job.store,
    engineHost: job.engine,
    activeRewardModel: () => activeRewardModel(job),
    log,
  });
}

async function scoreWhole({ settings, projects, scorerOf }: ServerState, project: ProjectFolder, file: string) {
  requireTrust(settings());
  await startScoring(await projects.open(project), await scorerOf(project), file);
}

/** The newest run that was not ended by the person goes on by itself. */
async function resumeInterrupted(job: JobParts): Promise<void> {
  const runs = await listRuns(job.project, () => false);
  const interrupted = runs.find(({ status, interrupted }) => status === 'paused' && interrupted === true);
  if (interrupted) await resumeTraining(job, interrupted.id);
}
