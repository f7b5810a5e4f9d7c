/**
 * The data that more than one process speaks of: rows of JSONL files, results of the engine's methods, events on the
 * way there. Every one of them is plain JSON. No imports but types.
 */

export type * from './library.ts';
export type * from './project.ts';
export type * from './runs.ts';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** Something to answer: plain text, or a conversation whose next turn is the answer. */
export type PromptRow = { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

/** An answer that is not plain text belongs to a conversation and is its last assistant turn. */
export interface CompletionRow {
  readonly prompt: string | readonly ChatMessage[];
  readonly completion: string;
  /** False: the answer was cut, so no end token is added to it. Absent or true: it is complete. */
  readonly finished?: boolean;
}

/** Text of which every token but the first is judged. */
export interface TextRow {
  readonly text: string;
}

/** Two answers to one prompt. A conversational row has messages as prompt; the answers are always the bare text. */
export interface PreferenceRow {
  readonly prompt: string | readonly ChatMessage[];
  readonly chosen: string;
  readonly rejected: string;
  readonly chosenFinished: boolean;
  readonly rejectedFinished: boolean;
  /** By how much the chosen answer should lead, in units of the reward model's raw output. Absent: 0. */
  readonly margin?: number;
}

/** Where rows come from: a file (large data never crosses a process boundary), or a few rows themselves. */
export type RowSource<Row> = { readonly file: string } | { readonly rows: readonly Row[] };

export type StageName = 'sft' | 'reward' | 'ppo';

/** What trains: onnxruntime, or TensorFlow. Answers always come from onnxruntime. */
export const engineNames = ['onnx', 'tensorflow'] as const;
export type EngineName = (typeof engineNames)[number];

/** How the frozen base computes while it trains: in float32, or its linear layers as products of bytes. */
export const precisions = ['float32', 'int8-base'] as const;
export type Precision = (typeof precisions)[number];

/** What onnxruntime can compute on. */
export const deviceNames = ['cpu', 'webgpu', 'cuda', 'directml', 'coreml'] as const;
export type DeviceName = (typeof deviceNames)[number];
/** What a person can ask for: a device, or the best that has shown here that it works. */
export const deviceChoices = ['auto', ...deviceNames] as const;
export type DeviceChoice = (typeof deviceChoices)[number];

/** The folders under a run's, one a stage, each a PEFT folder that stands alone on the base. */
export type AdapterFolderName = 'sft' | 'reward' | 'policy';

// ------------------------------------------------------------------------------------------------ results, one a row

/** One sampled answer. `row` counts from 0 in input order, `sample` from 0 within the row. */
export interface GeneratedAnswer {
  readonly row: number;
  readonly sample: number;
  /** Without special tokens. */
  readonly text: string;
  /** With the end token when `finished`. */
  readonly ids: readonly number[];
  /** The natural log-probability of each of `ids`, at the sampling temperature. */
  readonly logps: readonly number[];
  /** The answer came to its end token; false: it was cut at the limit. */
  readonly finished: boolean;
}

/** How likely the model finds one row. */
export interface EvaluatedText {
  readonly row: number;
  /** Mean of −logps, nats a token. */
  readonly loss: number;
  /** How many tokens were judged. */
  readonly tokens: number;
  /** Where a reference was given: Σ KL(model ‖ reference) over the judged tokens, nats. */
  readonly kl?: number;
  /** The judged tokens, and the log-probability of each. */
  readonly ids: readonly number[];
  readonly logps: readonly number[];
}

/** The rewards of the two answers of one preference row. */
export interface ScoredPair {
  readonly row: number;
  readonly chosen: number;
  readonly rejected: number;
  /** chosen − rejected */
  readonly margin: number;
}

export interface ScoredAnswer {
  readonly row: number;
  readonly reward: number;
}

// ------------------------------------------------------------------------------------------------ results, one a call

export interface GenerateSummary {
  readonly rows: number;
  readonly answers: number;
  /** Sampled tokens over all answers. */
  readonly tokens: number;
  /** Answers that came to their end token. */
  readonly finished: number;
}

export interface TextEvaluation {
  readonly rows: number;
  /** Mean of −logps over all judged tokens, nats. */
  readonly loss: number;
  /** exp(loss) */
  readonly perplexity: number;
  readonly tokens: number;
  /** Where a reference was given: mean over rows of Σ KL(model ‖ reference) over the judged tokens, nats. */
  readonly kl?: number;
}

export interface PreferenceEvaluation {
  readonly rows: number;
  /** Share of rows whose chosen answer has the higher reward; a tie counts one half. */
  readonly accuracy: number;
  /** Mean of chosen − rejected. */
  readonly margin: number;
}

export type EvaluateSummary = TextEvaluation | PreferenceEvaluation;

export interface ScoreSummary {
  /** Rows, and rewards: a preference row has two. */
  readonly rows: number;
  readonly rewards: number;
  /** Mean and standard deviation over all rewards. */
  readonly mean: number;
  readonly deviation: number;
  /** Only where every row is a preference row. */
  readonly accuracy?: number;
  readonly margin?: number;
}

export interface TrainSummary {
  /** 'paused': stopped on request, saved, to be gone on with. */
  readonly status: 'done' | 'paused';
  /** The run's folder, absolute. */
  readonly out: string;
  /** Folders of finished adapters, absolute. */
  readonly adapters: Readonly<Partial<Record<AdapterFolderName, string>>>;
  readonly stages: readonly TrainedStage[];
}

export interface TrainedStage {
  readonly stage: StageName;
  readonly status: 'waiting' | 'running' | 'done';
  /** Optimiser steps done. */
  readonly step: number;
  /** The last value of each metric. */
  readonly metrics: Readonly<Record<string, number>>;
}

// ------------------------------------------------------------------------------------------------ events of a task

/** How far a task is. The newest one replaces those before it: the engine sends about ten a second. */
export interface ProgressEvent {
  readonly kind: 'progress';
  /** "loading the model", "rollout", "sft" … */
  readonly what: string;
  readonly stage?: StageName;
  readonly done: number;
  /** 0: not known. */
  readonly total: number;
}

/** Something the person should know: a skipped step, an early stop, a truncated prompt. */
export interface NoticeEvent {
  readonly kind: 'notice';
  readonly message: string;
}

/** A result for one input row; rows come in input order and none is dropped. */
export interface RowEvent<Row> {
  readonly kind: 'row';
  readonly row: Row;
}

/** A line of metrics.jsonl. `steps` is the stage's expected total, where the stage says it. */
export interface MetricsEvent {
  readonly kind: 'metrics';
  readonly stage: StageName;
  readonly step: number;
  readonly steps?: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A line of samples.jsonl. */
export interface SampleEvent {
  readonly kind: 'sample';
  readonly stage: StageName;
  readonly step: number;
  readonly prompt: string;
  readonly response: string;
  readonly reward: number;
}

/** A stage starts, is gone on with, moves to another device, or is done; `step` is the optimiser step it stands at. */
export interface StageStatusEvent {
  readonly kind: 'stage';
  readonly stage: StageName;
  readonly status: 'started' | 'resumed' | 'moved' | 'done';
  readonly step: number;
  /** What it computes on, as a person reads it: "WebGPU (NVIDIA GeForce RTX 4070)". Absent: the CPU. */
  readonly device?: string;
}

export interface CheckpointEvent {
  readonly kind: 'checkpoint';
  readonly stage: StageName;
  readonly step: number;
  readonly folder: string;
}
