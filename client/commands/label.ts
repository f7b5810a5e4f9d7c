import type { Palate } from '../palate.ts';
import type { RowTarget } from '../wording/trees.ts';
import { targetOf } from './target.ts';

/** Opens the comparison panel; the annotator's name is asked for the first time. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target: Partial<RowTarget> = targetOf(palate, from);
  const project = await palate.projects.choose(target.project);
  if (!project) return;
  const annotator = await palate.annotator.get(project.folder);
  if (!annotator) return;
  await palate.panels.compare(project, annotator, target.comparison);
}
