import type { Connection } from 'vscode-languageserver/node';
import { UserError } from '../errors.ts';
import type { OpenEngineHost } from '../jobs/createEngineHost.ts';
import type { JobQueue } from '../jobs/jobQueue.ts';
import type { JobParts } from '../jobs/openProject.ts';
import type { Projects } from '../jobs/projects.ts';
import { activeRewardModel } from '../jobs/rewardModel.ts';
import { watchRuns } from '../jobs/runWatcher.ts';
import type { LanguageFeatures } from '../language/types.ts';
import type { ServerSettings } from '../protocol/client.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { Scorer } from '../scores/scorer.ts';
import type { Notifier } from './notifier.ts';
import type { TensorflowHandlers } from './tensorflowSetup.ts';
import type { ServerParts } from './types.ts';

/** What the handlers work with. */
export interface ServerState {
  readonly connection: Connection;
  readonly parts: ServerParts;
  readonly engine: OpenEngineHost;
  readonly queue: JobQueue;
  /** Downloads: they wait for no engine. */
  readonly downloads: JobQueue;
  readonly projects: Projects;
  readonly notifier: Notifier;
  readonly settings: () => ServerSettings;
  readonly scorerOf: (project: ProjectFolder) => Promise<Scorer>;
  /** Annotators that the editor asked for, by project: they are told when labels change. */
  readonly annotators: Map<ProjectFolder, Set<string>>;
  readonly tensorflow: TensorflowHandlers;
  /** Another reward model was chosen. */
  readonly rewardChanged: (project: ProjectFolder) => void;
}

/** Reading and labelling go on in a workspace that is not trusted; nothing is computed there. */
export function requireTrust(settings: ServerSettings): void {
  if (settings.trusted) return;
  throw new UserError(
    'This workspace is not trusted: Palate reads and labels here, and does not train, generate or score. ' +
      'Trust the workspace to do so.',
  );
}

/** Tells the editor what changes in a project, whoever changes it. Returns what ends it. */
export function watchProject(
  job: JobParts,
  { notifier, annotators, rewardChanged }: Pick<ServerState, 'notifier' | 'annotators' | 'rewardChanged'>,
  language: LanguageFeatures,
): () => void {
  const { project, store } = job;
  let shown: string | undefined;
  const checkReward = async () => {
    const before = shown;
    shown = JSON.stringify((await activeRewardModel(job)) ?? null);
    if (before !== undefined && before !== shown) rewardChanged(project);
  };
  // What cannot be read now shows no scores; its own request says why.
  const reward = () => void checkReward().catch(() => {});
  reward();
  const runs = watchRuns(project, (run) => {
    notifier.send('runChanged', { project, run }, `${project} ${run}`);
    reward();
  });
  const tellProgress = async (annotator: string) =>
    notifier.send(
      'feedbackChanged',
      { project, annotator, progress: await store.progress(annotator) },
      `${project} ${annotator}`,
    );
  const ofStore = store.onChange((what) => {
    if (what === 'feedback') {
      for (const annotator of annotators.get(project) ?? []) void tellProgress(annotator).catch(() => {});
      return;
    }
    notifier.send('projectChanged', { project }, project);
    reward();
    if (what === 'config') language.refresh(project);
  });
  return () => {
    runs.close();
    ofStore();
  };
}
