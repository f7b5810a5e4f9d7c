import type { CompletionRow, ScoredText } from '../protocol/types.ts';

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** 'interactive' (default) is served between two steps of training. */
  readonly priority?: 'interactive' | 'background';
}

/** A reward model that is ready to score. */
export interface RewardModel {
  /** Changes with every byte of the adapter or the base: the cache's key. */
  readonly identity: string;
  /** Base model's path (resolved) and adapter folder. */
  readonly model: string;
  readonly adapter: string;
}

/** Rewards of texts, cached by content and reward model, in memory and below .palate/cache. */
export interface Scorer {
  /** The project's active reward model; undefined: none is trained yet. */
  rewardModel(): Promise<RewardModel | undefined>;
  /** What is known without computing, in the rows' order. */
  cached(rows: readonly CompletionRow[]): Promise<readonly (ScoredText | undefined)[]>;
  /** Computes what is missing. Rejects with a UserError where there is no reward model. */
  score(rows: readonly CompletionRow[], options?: ScoreOptions): Promise<readonly ScoredText[]>;
  /** Whether scoring now would load a big model that nobody asked for. */
  mayScoreUnasked(): Promise<boolean>;
}
