import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { isChoosable, modelKind } from '../wording/trees.ts';
import { targetOf } from './target.ts';

/** Which reward model's scores are shown, and which policy generates. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const target = targetOf(palate, from);
  const project = await palate.projects.choose(target.project);
  if (!project) return;
  const id = target.model ?? (await pick(palate, project.folder));
  if (id === undefined) return;
  await palate.server.request('chooseModel', { project: project.folder, id });
}

async function pick({ server }: Palate, project: string): Promise<string | undefined> {
  const models = (await server.request('listModels', { project })).filter(isChoosable);
  const rows = models.map((model) => ({
    label: `${model.active ? '$(check) ' : ''}${model.id}`,
    description: modelKind(model.kind),
    detail: model.path,
    id: model.id,
  }));
  const title = t('Choose Model: a reward model for the scores, a policy or the base for responses');
  return (await vscode.window.showQuickPick(rows, { title }))?.id;
}
