import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LanguageFeatureContext } from '../../server/language/types.ts';
import { createScorer } from '../../server/scores/createScorer.ts';
import type { Scorer } from '../../server/scores/scorer.ts';
import { type RecordingHost, recordingHost } from './engineHost.ts';
import { type LanguageClient, languageClient } from './languageClient.ts';
import { embedded, labelledPairs, labelledStore, trainReward } from './rewardProject.ts';
import { temporaryFolder } from './temporary.ts';

export interface OpenOptions {
  /** Default: a folder of its own. */
  readonly project?: string;
  readonly settings?: Partial<ReturnType<LanguageFeatureContext['settings']>>;
  /** The active reward adapter; default: the suite's. */
  readonly reward?: () => string | undefined;
  /** The labelled pairs are in the project. */
  readonly labelled?: boolean;
  readonly scoreFile?: LanguageFeatureContext['scoreFile'];
}

export interface OpenedProject {
  readonly client: LanguageClient;
  readonly scorer: Scorer;
  readonly path: (name: string) => string;
  readonly settings: { inlineScores: 'off' | 'inlay' | 'codeLens'; trusted: boolean };
  close(): Promise<void>;
}

export interface LanguageSuite {
  readonly folder: ReturnType<typeof temporaryFolder>;
  readonly engine: RecordingHost;
  /** Of the suite's reward model. */
  adapter: string;
  /** An editor on a project; closed after the test. */
  open(options?: OpenOptions): Promise<OpenedProject>;
}

/** A real engine, a reward model that it trained, and editors on projects. Call inside `describe`. */
export function languageSuite(): LanguageSuite {
  const folder = temporaryFolder();
  const engine = recordingHost();
  const opened = new Set<OpenedProject>();
  let projects = 0;
  const suite: LanguageSuite = {
    folder,
    engine,
    adapter: '',
    async open(options = {}) {
      const { project = join(folder.path, `project ${++projects}`), reward = () => suite.adapter } = options;
      mkdirSync(project, { recursive: true });
      const store = labelledStore(project, options.labelled ? labelledPairs : []);
      const scorer = createScorer({
        store,
        engineHost: engine,
        activeRewardModel: async () => {
          const active = reward();
          return active === undefined ? undefined : { model: embedded, adapter: active };
        },
      });
      const settings = { inlineScores: 'inlay' as const, trusted: true, ...options.settings };
      const client = await languageClient({
        projects: { of: async (path) => (path.startsWith(project) ? project : undefined), store: async () => store },
        scorerOf: async () => scorer,
        settings: () => settings,
        scoreFile: options.scoreFile,
      });
      const close = async () => {
        if (!opened.delete(found)) return;
        client.end();
        await scorer.close();
      };
      const found: OpenedProject = { client, scorer, path: (name) => join(project, name), settings, close };
      opened.add(found);
      return found;
    },
  };
  before(async () => {
    suite.adapter = join(await trainReward(engine, folder.path, 'one'), 'reward');
  });
  afterEach(async () => {
    for (const project of [...opened]) await project.close();
    engine.pretend = {};
  });
  after(() => engine.close());
  return suite;
}

/** A row of a file of pairs. */
export function pairRow(k: number, chosen = ' good and warm.', rejected = ' bad and cold.'): string {
  return JSON.stringify({ prompt: `Place ${k} was`, chosen, rejected });
}

/** The labels between two lines once all of them are numbers. */
export function scoredLabels(client: LanguageClient, path: string, first: number, last: number): Promise<string[]> {
  return client.until(async () => {
    const labels = await client.labels(path, first, last);
    return labels.length > 0 && labels.every((label) => /^\d+:\d+ ([+−]\d+\.\d|0\.0)$/.test(label))
      ? labels
      : undefined;
  });
}

/** A range within one line. */
export function at(line: number, start: number, end = start) {
  return { start: { line, character: start }, end: { line, character: end } };
}
