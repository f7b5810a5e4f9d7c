import { basename } from 'node:path';
import type { ProjectInfo } from '../protocol/types.ts';
import { modelProblem } from './projectConfig.ts';
import type { ProjectState } from './projectState.ts';
import type { InfoOptions } from './projectStore.ts';

const mostProblems = 100;

/**
 * What is in a project, and what is wrong with it.
 *
 * @param options.withoutModel whether the model that palate.json names is there is not looked at
 */
export function projectInfo(state: ProjectState, { withoutModel = false }: InfoOptions = {}): ProjectInfo {
  const { folder, config, content, index, queue } = state;
  const { model, engine } = config.usable;
  const responses = { text: 0, image: 0 };
  for (const { modality } of content.responses.values()) responses[modality]++;
  const problems = [
    ...(config.error?.message.split('\n') ?? []),
    ...(config.newer || withoutModel ? [] : [modelProblem(folder, model) ?? []].flat()),
    ...(index.newer ? [newerLabels] : []),
    ...content.problems,
    ...index.problems,
  ];
  return {
    folder,
    name: basename(folder),
    model,
    engine,
    problems:
      problems.length > mostProblems
        ? [...problems.slice(0, mostProblems), `… and ${problems.length - mostProblems} more.`]
        : problems,
    newer: config.newer || index.newer,
    counts: {
      prompts: content.prompts.length,
      textResponses: responses.text,
      imageResponses: responses.image,
      annotators: [...index.annotators.values()]
        .filter(({ events }) => events.count > 0)
        .map(({ name, decided }) => ({ name, decisions: decided }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      ...queue.preferences(),
    },
  };
}

const newerLabels =
  'feedback/ holds labels of a newer version of Palate. They are kept and not read; labelling goes on, training is off: update Palate.';
