import type { StageName } from '../protocol/types.ts';
import type { TimedPart } from './timeLeft.ts';

/** Share of the whole time where it is not known how much there is to do. */
const weights: Readonly<Record<StageName, number>> = { sft: 1, reward: 3, ppo: 7 };

const titles: Readonly<Record<StageName | 'all', string>> = {
  sft: 'Supervised fine-tuning',
  reward: 'Reward model',
  ppo: 'PPO',
  all: 'Whole pipeline',
};

/** For a person: "Reward model". */
export function stageTitle(stage: StageName | 'all'): string {
  return titles[stage];
}

/**
 * The stages that were asked for, in their order, with their share of the time.
 *
 * @param work how much each has to do, in any unit
 */
export function stageParts(
  asked: StageName | 'all',
  work: Readonly<Record<StageName, number>> = weights,
): (TimedPart & { readonly name: StageName })[] {
  const names: readonly StageName[] = asked === 'all' ? ['sft', 'reward', 'ppo'] : [asked];
  return names.map((name) => ({ name, weight: work[name] }));
}
