import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';

/** A quick fix of the server: the comparison of these two responses once more, whoever decided about it before. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const { project: folder, responses } = (from ?? {}) as { readonly project?: unknown; readonly responses?: unknown };
  if (typeof folder !== 'string' || !Array.isArray(responses) || responses.length !== 2) {
    throw new Error(t('Label Again is a quick fix of a row whose scores disagree with its label.'));
  }
  const project = await palate.projects.choose(folder);
  if (!project) return;
  const annotator = await palate.annotator.get(project.folder);
  if (!annotator) return;
  // As the store calls a pair: its responses' ids in order.
  await palate.panels.compare(project, annotator, responses.map(String).sort().join('.'));
}
