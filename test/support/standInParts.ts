import type { ScorerParts, ServerParts } from '../../server/connection/types.ts';
import { UserError } from '../../server/errors.ts';
import type { Scorer } from '../../server/scores/scorer.ts';
import { openFileStore } from './fileStore.ts';

const unused = async (): Promise<never> => {
  throw new UserError('The stand-in does not do that.');
};

/** What the other parts of the server are to the tests of this one. */
export const standInParts: ServerParts = {
  openProjectStore: openFileStore,
  createProject: unused,
  createExample: unused,
  prepareImage: unused,
  createScorer,
  registerLanguageFeatures: () => ({ capabilities: {}, settingsChanged() {}, refresh() {} }),
};

/** Scores at once, and keeps nothing. */
function createScorer({ engineHost, activeRewardModel }: ScorerParts): Scorer {
  return {
    async rewardModel() {
      const active = await activeRewardModel();
      return active && { ...active, identity: active.adapter };
    },
    cached: async (rows) => rows.map(() => undefined),
    async score(rows, { signal, priority = 'interactive' } = {}) {
      const active = await activeRewardModel();
      if (!active) throw new UserError('This project has no reward model yet.');
      const rewards: number[] = [];
      await engineHost.call(
        'score',
        { ...active, source: { rows } },
        {
          signal,
          priority,
          onEvent: (event) => void (event.kind === 'row' && 'reward' in event.row && rewards.push(event.row.reward)),
        },
      );
      return rewards.map((reward) => ({ reward }));
    },
    mayScoreUnasked: async () => true,
  };
}
