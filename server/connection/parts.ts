import { UserError } from '../errors.ts';
import type { ServerParts } from './types.ts';

const absent = (what: string) => () => {
  throw new UserError(`${what} is not in this build of Palate.`);
};

/** SEAM: the lead puts the other helpers' parts in here when they are merged. */
export const parts: ServerParts = {
  openProjectStore: absent('The project store'),
  createProject: absent('New Project'),
  createExample: absent('The example'),
  prepareImage: absent('Decoding of pictures'),
  createScorer: absent('The scorer'),
  registerLanguageFeatures: () => ({ capabilities: {}, settingsChanged() {}, refresh() {} }),
};
