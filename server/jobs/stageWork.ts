import * as v from 'valibot';
import { ppoConfig, rewardConfig, sftConfig } from '../engine/stages/config.ts';
import type { StageName } from '../protocol/types.ts';

/** Of PPO, each response: sampling it, and four passes without a gradient (policy, reference, reward, value). */
const rolloutPasses = { sampling: 2, scoring: 4 / 3 };

/**
 * How much each stage has to do, in training passes of one response: what the time left of the stages to come is told
 * by. A training pass is a forward and a backward pass; sampling a response takes about as long as two.
 *
 * @param stages their settings, as palate.json has them
 * @param preferences pairs to learn from
 */
export function stageWork(stages: Readonly<Record<string, unknown>>, preferences: number): Record<StageName, number> {
  const sft = v.parse(sftConfig, stages.sft ?? {});
  const reward = v.parse(rewardConfig, stages.reward ?? {});
  const ppo = v.parse(ppoConfig, stages.ppo ?? {});
  const passes = ppo.policyEpochs + ppo.criticEpochs + rolloutPasses.sampling + rolloutPasses.scoring;
  return {
    sft: sft.epochs * preferences,
    reward: reward.epochs * preferences * 2,
    ppo: ppo.iterations * ppo.rolloutBatch * passes,
  };
}
