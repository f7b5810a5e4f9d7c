import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { targetOf } from './target.ts';

/** Takes the newest decision back: in the open panel, which shows the pair again, or without one. */
export const undo = (palate: Palate, from?: unknown) => step(palate, 'undo', from);
export const redo = (palate: Palate, from?: unknown) => step(palate, 'redo', from);

async function step(palate: Palate, name: 'undo' | 'redo', from: unknown): Promise<void> {
  const panel = palate.panels.comparing;
  if (panel?.panel.visible) return panel.command(name);
  const project = await palate.projects.choose(targetOf(palate, from).project);
  if (!project) return;
  const annotator = await palate.annotator.get(project.folder);
  if (!annotator) return;
  const recorded = await palate.server.request(name, { project: project.folder, annotator });
  void vscode.window.showInformationMessage(sentence(name, recorded !== null));
}

function sentence(name: 'undo' | 'redo', happened: boolean): string {
  if (!happened) return name === 'undo' ? t('There is no decision to undo.') : t('There is no decision to redo.');
  return name === 'undo' ? t('The last decision was undone; the pair comes again.') : t('The decision stands again.');
}
