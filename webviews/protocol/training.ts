import type { Job, Outcome, RunHistory, RunSummary } from '../../server/protocol/types.ts';

/** What the training panel asks of its host. */
export type TrainingHostMethods = {
  /** Once, when the page has loaded; `run`: what it showed before it was hidden or reloaded. */
  ready: { params: { readonly run?: string }; result: TrainingStart };
  /** What a run's files hold from these positions on. */
  read: {
    params: { readonly run: string; readonly fromMetric: number; readonly fromSample: number };
    result: RunHistory;
  };
  /** What the model said before and after; null: not computed yet. */
  outcome: { params: { readonly run: string }; result: Outcome | null };
  /** What the person asks for in the panel. */
  act: {
    params: { readonly run?: string; readonly what: 'stop' | 'resume' | 'train' | 'outcome' | 'openFolder' | 'delete' };
    result: null;
  };
};

/** What the host tells the panel. */
export type TrainingPageMethods = {
  /** Runs came, went or changed their state. */
  runs: { params: { readonly runs: readonly RunSummary[] }; result: null };
  /** A run's files grew: read on. */
  grew: { params: { readonly run: string }; result: null };
  job: { params: { readonly job: Job }; result: null };
  /** Show this run. */
  show: { params: { readonly run: string; readonly tab?: 'curves' | 'samples' | 'outcome' }; result: null };
};

export interface TrainingStart {
  readonly runs: readonly RunSummary[];
  readonly jobs: readonly Job[];
  /** To show first. */
  readonly run: string | null;
  readonly tab?: 'curves' | 'samples' | 'outcome';
}
