import { UserError } from '../errors.ts';
import { registerLanguageFeatures } from '../language/register.ts';
import { createScorer } from '../scores/createScorer.ts';
import { createProject } from '../store/createProject.ts';
import { openProjectStore } from '../store/openProjectStore.ts';
import type { ServerParts } from './types.ts';

const absent = (what: string) => async (): Promise<never> => {
  throw new UserError(`${what} is not in this build of Palate.`);
};

/** SEAM: prepareImage (server/images/prepare.ts, branch training) and createExample (branch e2e) when they are merged. */
export const parts: ServerParts = {
  openProjectStore,
  createProject,
  createExample: absent('The example'),
  prepareImage: absent('Decoding of pictures'),
  createScorer,
  registerLanguageFeatures,
};
