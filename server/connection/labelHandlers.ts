import { isAbsolute, join } from 'node:path';
import type { ClientHandlers } from '../protocol/client.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import type { ServerState } from './serverState.ts';

type LabelMethods =
  | 'nextComparisons'
  | 'decide'
  | 'skip'
  | 'undo'
  | 'redo'
  | 'comparison'
  | 'prepareImage'
  | 'exportPreferences';

/** What the comparison panel asks: the store answers it. */
export function labelHandlers({ projects, annotators, parts }: ServerState): Pick<ClientHandlers, LabelMethods> {
  /** The store, with the annotator noted as one who is told when labels change. */
  async function storeFor(project: ProjectFolder, annotator: string): Promise<ProjectStore> {
    const { store, project: folder } = await projects.open(project);
    annotators.set(folder, (annotators.get(folder) ?? new Set()).add(annotator));
    return store;
  }
  return {
    nextComparisons: async ({ project, annotator, count, held }) =>
      (await storeFor(project, annotator)).next(annotator, count, held),
    decide: async ({ project, annotator, decision }) =>
      (await storeFor(project, annotator)).decide(annotator, decision),
    skip: async ({ project, annotator, skip }) => (await storeFor(project, annotator)).skip(annotator, skip),
    undo: async ({ project, annotator }) => (await storeFor(project, annotator)).undo(annotator),
    redo: async ({ project, annotator }) => (await storeFor(project, annotator)).redo(annotator),
    comparison: async ({ project, annotator, comparison, open }) =>
      (await storeFor(project, annotator)).comparison(annotator, comparison, { open }),
    prepareImage: async ({ project, path }) => parts.prepareImage((await projects.open(project)).project, path),
    async exportPreferences({ project, path, annotators: chosen }) {
      const { store, project: folder } = await projects.open(project);
      return store.exportPreferences(isAbsolute(path) ? path : join(folder, path), { annotators: chosen });
    },
  };
}
