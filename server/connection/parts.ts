import { closeImages, prepareImage } from '../images/prepare.ts';
import { registerLanguageFeatures } from '../language/register.ts';
import { createScorer } from '../scores/createScorer.ts';
import { createExample } from '../store/createExample.ts';
import { createProject } from '../store/createProject.ts';
import { openProjectStore } from '../store/openProjectStore.ts';
import type { ServerParts } from './types.ts';

/** The server as the editor runs it. */
export const parts: ServerParts = {
  openProjectStore,
  createProject,
  createExample,
  prepareImage,
  closeImages,
  createScorer,
  registerLanguageFeatures,
};
