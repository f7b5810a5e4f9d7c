import type { Palate } from '../palate.ts';
import { targetOf } from './target.ts';

/** Curves, samples and outcome: of the run that is named, else of the one that runs, else of the newest. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const training = palate.jobs.live.find(({ kind }) => kind === 'train');
  const project = await palate.projects.choose(target.project ?? training?.project);
  if (!project) return;
  const shown = target.run ?? (training?.project === project.folder ? training.run : undefined);
  await palate.panels.training(project, shown === undefined ? {} : { run: shown });
}
