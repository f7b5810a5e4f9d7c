/** Runs, what they learnt, and the models they made, as the server tells them. Plain JSON; panels import it from types.ts. */

import type { EngineName, Prompt, StageName } from './types.ts';

export interface RunSummary {
  /** Name of its folder below .palate/runs. */
  readonly id: string;
  readonly folder: string;
  readonly title: string;
  readonly status: 'running' | 'paused' | 'done' | 'failed';
  readonly failure?: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly engine: EngineName;
  readonly base: string;
  /** Running in this server, in another process (a second window, a terminal), or not at all. */
  readonly runningIn: 'here' | 'elsewhere' | 'nowhere';
  /** It stands still, can be gone on with, and the person has not said to forget it: offer it at the next opening. */
  readonly offered?: boolean;
  /** It stands still, and no person stopped it: the window was closed, or something died. */
  readonly interrupted?: boolean;
  readonly stages: readonly {
    readonly stage: StageName;
    readonly status: 'waiting' | 'running' | 'done';
    readonly step: number;
    /** 0: not known. */
    readonly steps: number;
    readonly seconds: number;
    readonly metrics: Readonly<Record<string, number | null>>;
  }[];
}

/** One line of metrics.jsonl. Not finite numbers are null. */
export interface MetricsPoint {
  readonly stage: StageName;
  readonly step: number;
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Of work on the stage when the line was written, over all sittings. Absent: written before Palate kept it. */
  readonly seconds?: number;
}

/** One line of samples.jsonl: what the policy says at a step of PPO. */
export interface RunSample {
  readonly stage: StageName;
  readonly step: number;
  readonly prompt: string;
  readonly response: string;
  readonly reward: number | null;
}

/** What a page of a run's history holds; ask again from `nextMetric` and `nextSample` for what came since. */
export interface RunHistory {
  readonly run: RunSummary;
  readonly metrics: readonly MetricsPoint[];
  readonly samples: readonly RunSample[];
  /** Positions in the files, in bytes. They shrink when a resumed run took lines back: then read from 0. */
  readonly nextMetric: number;
  readonly nextSample: number;
}

/** A model that the project can use: its base, or a run's adapter. */
export interface ProjectModel {
  /** "embedded", a path, or "<run>/policy". */
  readonly id: string;
  readonly kind: 'base' | 'sft' | 'reward' | 'policy';
  readonly path: string;
  readonly run?: string;
  /** The reward model whose scores are shown, and the policy that generates. */
  readonly active: boolean;
  /** Why it can't be used. */
  readonly problem?: string;
}

/** One prompt, answered by the base (or SFT) model and by the policy, with what the reward model says of both. */
export interface OutcomeRow {
  readonly prompt: Prompt;
  readonly before: { readonly text: string; readonly finished: boolean; readonly reward?: number };
  readonly after: { readonly text: string; readonly finished: boolean; readonly reward?: number };
}

export interface Outcome {
  readonly run: string;
  /** What stands before: "base" or "sft". */
  readonly beforeModel: string;
  readonly rows: readonly OutcomeRow[];
  /** Means over the rows; undefined without a reward model. */
  readonly rewardBefore?: number;
  readonly rewardAfter?: number;
}
