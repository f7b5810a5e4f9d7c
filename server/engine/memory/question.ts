import type { StageName } from '../../protocol/types.ts';
import type { TrainConfig } from '../stages/config.ts';
import type { MemoryQuestion, MemoryUse } from './estimate.ts';

/** What is known of a model and of the rows that it will read. */
export type MemoryBasis = Pick<MemoryQuestion, 'config' | 'engine' | 'longestPrompt' | 'longestRow'>;

/** How a project generates, and how a stage of it trains, as the estimate asks. */
export interface MemorySettings {
  readonly stages: Pick<TrainConfig, StageName>;
  /** Without a project: none is generated with but the defaults of PPO. */
  readonly generate?: { readonly maxNewTokens: number };
}

/** Responses that `generate` decodes together (server/engine/tasks.ts): more of a small model. */
export function answersAtOnce({ layers, width }: MemoryBasis['config']): number {
  return layers * width < 2048 ? 128 : 32;
}

export function memoryQuestion(
  use: MemoryUse,
  { stages, generate }: MemorySettings,
  basis: MemoryBasis,
): MemoryQuestion {
  const { rolloutBatch, maxNewTokens } = stages.ppo;
  const settings = stages[use === 'score' ? 'reward' : use === 'generate' ? 'ppo' : use];
  const rank = 'rank' in settings ? settings.rank : Math.max(stages.sft.rank, stages.reward.rank);
  const { microBatchTokens, recompute } = settings;
  const rows = { sft: stages.sft.batchSize, reward: 2 * stages.reward.batchSize, ppo: stages.ppo.batchSize };
  const rowsAtOnce = use === 'score' || use === 'generate' ? Number.POSITIVE_INFINITY : rows[use];
  const sampling =
    use === 'generate'
      ? { answers: answersAtOnce(basis.config), maxNewTokens: generate?.maxNewTokens ?? maxNewTokens }
      : { answers: rolloutBatch, maxNewTokens };
  return { ...basis, use, recompute, microBatchTokens, rowsAtOnce, rank, ...sampling };
}
