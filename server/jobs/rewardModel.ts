import type { RewardModel } from '../scores/scorer.ts';
import { activeReward } from './models.ts';
import { type JobParts, modelsOf } from './openProject.ts';

/** The project's reward model, as a scorer asks for it. */
export async function activeRewardModel(parts: JobParts): Promise<Pick<RewardModel, 'model' | 'adapter'> | undefined> {
  const reward = await activeReward(modelsOf(parts, await parts.store.config()));
  return reward?.adapter === undefined ? undefined : { model: reward.model, adapter: reward.adapter };
}
