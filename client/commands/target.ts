import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import type { RowTarget } from '../wording/trees.ts';

/**
 * What a command was started from: a row of a view, another command's arguments, a file of the explorer, or nothing.
 * Everything here comes from menus and other extensions, so it is looked at before it is believed.
 */
export function targetOf({ projects }: Palate, from: unknown): Partial<RowTarget> {
  if (from instanceof vscode.Uri) {
    const project = projects.of(from);
    return project ? { project: project.folder } : {};
  }
  if (typeof from !== 'object' || from === null) return {};
  const given = 'target' in from && typeof from.target === 'object' && from.target !== null ? from.target : from;
  const read = given as Record<string, unknown>;
  const target: { -readonly [Key in keyof RowTarget]?: string } = {};
  for (const key of ['project', 'run', 'model', 'comparison'] as const) {
    if (typeof read[key] === 'string') target[key] = read[key];
  }
  return target;
}
