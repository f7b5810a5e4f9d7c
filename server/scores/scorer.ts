import type { CompletionRow, ScoredText } from '../protocol/types.ts';

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** 'interactive' (default) is served between two steps of training. */
  readonly priority?: 'interactive' | 'background';
  /** Who is served first where several wait; default 'asked'. */
  readonly urgency?: Urgency;
}

/** 'visible': on screen now; 'asked': somebody waits for it; 'idle': what is useful to know. Within one, newest first. */
export type Urgency = 'visible' | 'asked' | 'idle';

/** Why a text has no score: it is longer than the model reads, or holds what its chat template refuses. */
export interface UnscoredText {
  readonly error: string;
}

export type RowScore = ScoredText | UnscoredText;

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
  /** As `cached`, by contentKey, and with the rows that are known to have no score. */
  lookup(keys: readonly string[]): Promise<readonly (RowScore | undefined)[]>;
  /** Computes what is missing. Rejects with a UserError where there is no reward model, or a row can't be scored. */
  score(rows: readonly CompletionRow[], options?: ScoreOptions): Promise<readonly ScoredText[]>;
  /** As `score`, but a row that can't be scored gets a sentence in its place. */
  scoreEach(rows: readonly CompletionRow[], options?: ScoreOptions): Promise<readonly RowScore[]>;
  /** Whether scoring now would load a big model that nobody asked for. */
  mayScoreUnasked(): Promise<boolean>;
  /** What the labelled comparisons say of this reward model, as far as they have been scored. */
  labelled(): Promise<LabelledScores>;
  /** Looks again which reward model is active, and tells the listeners. */
  rewardModelChanged(): void;
  /** Calls back when scores or percentiles became known ('scores'), or the reward model changed. Returns what ends it. */
  onChange(listener: (what: 'scores' | 'rewardModel') => void): () => void;
  /** Stops what is under way and writes the cache. */
  close(): Promise<void>;
}

export interface LabelledScores {
  /** Labelled responses with a score. */
  readonly responses: number;
  /** Standard deviation of chosen − rejected over the labelled pairs; undefined where fewer than ten have scores. */
  readonly marginDeviation?: number;
}
