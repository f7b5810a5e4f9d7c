import { availableParallelism } from 'node:os';
import { type Connection, TextDocumentSyncKind, TextDocuments } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { createEngineHost } from '../jobs/createEngineHost.ts';
import type { EngineProcess } from '../jobs/engineProcess.ts';
import { JobQueue } from '../jobs/jobQueue.ts';
import type { JobParts } from '../jobs/openProject.ts';
import { createProjects } from '../jobs/projects.ts';
import { listRuns } from '../jobs/runs.ts';
import { resumeTraining } from '../jobs/training.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { Scorer } from '../scores/scorer.ts';
import { registerHandlers } from './dispatcher.ts';
import { createHandlers } from './handlers.ts';
import { createNotifier } from './notifier.ts';
import { activeRewardModel, requireTrust, type ServerState, watchProject } from './serverState.ts';
import { defaultSettings, parseSettings } from './settings.ts';
import type { LanguageFeatures, ServerParts } from './types.ts';

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
  const fault = (what: string, error: unknown) =>
    connection.console.error(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const threads = () => Math.max(1, availableParallelism() - settings.freeCores);
  const engine = createEngineHost({
    createEngine: options.createEngine,
    threads,
    check: () => requireTrust(settings),
    onCrash: (message) => connection.console.error(message),
  });
  const queue = new JobQueue({
    onChange(job) {
      notifier.send('jobChanged', { job }, job.id);
      if (job.run !== undefined)
        notifier.send('runChanged', { project: job.project, run: job.run }, `${job.project} ${job.run}`);
    },
    onFault: (job, error) => fault(job.title, error),
  });
  const projects = createProjects({
    engine,
    queue,
    threads,
    openStore: (folder) => parts.openProjectStore(folder),
    onOpen(job) {
      if (language) ends.push(watchProject(job, { notifier, annotators }, language));
      if (settings.trusted && settings.onInterruptedRun === 'resume') {
        resumeInterrupted(job).catch((error) => fault('Resuming the interrupted run', error));
      }
    },
  });
  const scorers = new Map<ProjectFolder, Promise<Scorer>>();
  const state: ServerState = {
    connection,
    parts,
    engine,
    queue,
    projects,
    notifier,
    annotators,
    settings: () => settings,
    scorerOf(project) {
      const known = scorers.get(project) ?? projects.open(project).then((job) => scorerFor(job, parts));
      scorers.set(project, known);
      known.catch(() => scorers.delete(project));
      return known;
    },
    rewardChanged(project) {
      notifier.send('scoresChanged', { project }, project);
      language?.refresh(project);
    },
  };
  const documents = new TextDocuments(TextDocument);
  language = parts.registerLanguageFeatures(connection, {
    documents,
    projects: { of: (path) => projects.of(path), store: async (project) => (await projects.open(project)).store },
    scorerOf: state.scorerOf,
    settings: state.settings,
  });
  const { capabilities } = language;
  connection.onInitialize(({ initializationOptions }) => {
    settings = parseSettings(initializationOptions);
    return {
      capabilities: { textDocumentSync: TextDocumentSyncKind.Incremental, ...capabilities },
      serverInfo: { name: 'Palate' },
    };
  });
  connection.onDidChangeConfiguration(({ settings: changed }) => {
    settings = parseSettings(changed);
    language?.settingsChanged();
  });
  registerHandlers(connection, createHandlers(state));
  documents.listen(connection);
  connection.listen();
  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= (async () => {
        await queue.close();
        for (const end of ends) end();
        notifier.close();
        await projects.close();
      })();
      return closing;
    },
  };
}

function scorerFor(job: JobParts, parts: ServerParts): Scorer {
  return parts.createScorer({
    store: job.store,
    engineHost: job.engine,
    activeRewardModel: () => activeRewardModel(job),
  });
}

/** The newest run that was not ended by the person goes on by itself. */
async function resumeInterrupted(job: JobParts): Promise<void> {
  const runs = await listRuns(job.project, () => false);
  const interrupted = runs.find(({ status, interrupted }) => status === 'paused' && interrupted === true);
  if (interrupted) await resumeTraining(job, interrupted.id);
}
