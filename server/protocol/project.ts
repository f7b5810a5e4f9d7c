/**
 * What a project is made of, as the server tells it to the editor and the editor to its panels: responses, comparisons,
 * decisions, jobs, runs, scores. Every one of them is plain JSON. No imports but types; panels import it from types.ts.
 */

import type { ChatMessage, DeviceName, EngineName, Precision, StageName } from './types.ts';

/** A folder with a palate.json, absolute. Every request names the one it is about. */
export type ProjectFolder = string;

// ------------------------------------------------------------------------------------------------ prompts, responses

/** A response is a list of parts; a text is one part. */
export type ResponsePart =
  | { readonly type: 'text'; readonly text: string }
  /** `path` is relative to the project's folder, with forward slashes; `sha256` is of the file's bytes, in hex. */
  | { readonly type: 'image'; readonly path: string; readonly sha256: string };

export type Modality = 'text' | 'image';

export interface Prompt {
  /** Hash of its content. */
  readonly id: string;
  readonly content: string | readonly ChatMessage[];
}

export interface Response {
  /** Hash of prompt, parts and the bytes of its attachments: an edited response has another id. */
  readonly id: string;
  readonly parts: readonly ResponsePart[];
  /** False: cut at a limit, there is no end. */
  readonly finished: boolean;
  /** Who made it: a model's name. Hidden from annotators until they have decided. */
  readonly model?: string;
}

// ------------------------------------------------------------------------------------------------ comparisons, decisions

/** Two responses to one prompt, as one annotator sees them. */
export interface Comparison {
  /** Of the pair, whatever the order; a repetition with swapped sides has an id of its own. */
  readonly id: string;
  readonly prompt: Prompt;
  /** In the order shown: A, then B. Without `model`: it is hidden. */
  readonly shown: readonly [Response, Response];
  readonly modality: Modality;
}

/** The id of the preferred response, or one of the ties, which are kept apart in the data. */
export type Choice = string | 'tie' | 'bothGood' | 'bothBad';

/** What an annotator decided about a comparison. */
export interface Decision {
  readonly comparison: string;
  /** Ids of the responses in the order shown. */
  readonly shown: readonly [string, string];
  readonly choice: Choice;
  /** 1 (weakest) to scale / 2; absent for ties. */
  readonly strength?: number;
  /** Steps of the scale: 2, 4, 6 or 8. */
  readonly scale: number;
  /** Ratings by aspect, −k … k in favour of B. Empty where none are asked for. */
  readonly aspects: Readonly<Record<string, number>>;
  readonly comment: string;
  /** Milliseconds from the pair's first paint to the decision. */
  readonly ms: number;
}

export interface Skip {
  readonly comparison: string;
  readonly shown: readonly [string, string];
  readonly reason: string;
  readonly ms: number;
}

/** An event that is on the disk, told to the annotator after the fact: names and lengths are no longer hidden. */
export interface RecordedEvent {
  /** Of the line in the log. */
  readonly id: string;
  readonly event: 'decide' | 'skip';
  readonly comparison: string;
  readonly choice?: Choice;
  readonly strength?: number;
  readonly scale?: number;
  readonly comment?: string;
  readonly reason?: string;
  /** It was a gold question; absent where the project does not tell. */
  readonly gold?: 'agrees' | 'differs';
  readonly ms: number;
  /** In the order shown. Absent: the response is no longer in the project. */
  readonly shown: readonly [ShownResponse, ShownResponse];
}

export interface ShownResponse {
  readonly id: string;
  readonly model?: string;
  /** Characters of text, 0 for pictures. */
  readonly length: number;
}

export interface LabelProgress {
  /** Comparisons that this annotator has decided, skipped, and has still to see. */
  readonly decided: number;
  readonly skipped: number;
  readonly remaining: number;
  /** Decisions of every annotator on text and on pictures. Ties and skips train nothing. */
  readonly textPreferences: number;
  readonly imagePreferences: number;
  /** Median seconds a decision over the last twenty; undefined before the third. */
  readonly pace?: number;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** The section `compare` of palate.json, defaults filled in. */
export interface CompareSettings {
  readonly scale: 2 | 4 | 6 | 8;
  /** What is rated beside the overall choice; Enter submits when there are any. */
  readonly aspects: readonly string[];
  /** Markdown. */
  readonly guidelines: string;
}

export interface CompareQueue {
  /** Next first. */
  readonly comparisons: readonly Comparison[];
  readonly progress: LabelProgress;
  readonly settings: CompareSettings;
  /** The newest decision or skip of this annotator that stands. */
  readonly last?: RecordedEvent;
  /** Why there is nothing to compare: the next step to offer. */
  readonly empty?: 'noPrompts' | 'noResponses' | 'allDecided';
}

/** Answer to a decision, a skip, an undo or a redo: it is on the disk. */
export interface Recorded {
  readonly event: RecordedEvent;
  readonly progress: LabelProgress;
  /** Newest event that stands now. */
  readonly last?: RecordedEvent;
  /** After an undo: the comparison that is open again, as it was shown. */
  readonly reopened?: Comparison;
}

// ------------------------------------------------------------------------------------------------ projects

export interface ProjectInfo {
  readonly folder: ProjectFolder;
  readonly name: string;
  /** As palate.json says it: a path, or "embedded". */
  readonly model: string;
  readonly engine: EngineName;
  /** Sentences of what is wrong with it, as they should be shown: labelling may go on where training may not. */
  readonly problems: readonly string[];
  /** A file of a newer version of Palate is in it: labelling goes on, training is off, nothing is rewritten. */
  readonly newer: boolean;
  readonly counts: ProjectCounts;
}

export interface ProjectCounts {
  readonly prompts: number;
  readonly textResponses: number;
  readonly imageResponses: number;
  readonly annotators: readonly { readonly name: string; readonly decisions: number }[];
  readonly textPreferences: number;
  readonly imagePreferences: number;
}

// ------------------------------------------------------------------------------------------------ jobs, runs

export type JobKind = 'train' | 'generate' | 'score' | 'outcome' | 'download';

/** Something that takes a while. Gone from the list a while after it has ended; a run stays on disk. */
export interface Job {
  readonly id: string;
  /** Absent: it is for no project alone. */
  readonly project?: ProjectFolder;
  readonly kind: JobKind;
  /** For a person: "Train: whole pipeline". */
  readonly title: string;
  /** 'stopping': saves, then ends. 'paused': saved, to be gone on with by `resumeRun`. */
  readonly status: 'waiting' | 'running' | 'stopping' | 'paused' | 'done' | 'failed' | 'stopped';
  readonly progress?: JobProgress;
  /** The sentence to show when status is 'failed'. */
  readonly failure?: string;
  /** What the person should know, oldest first: a skipped step, an early stop. */
  readonly notices: readonly string[];
  /** Of training: the run's id. */
  readonly run?: string;
  /** Sentence about what came of it, when done: "60 responses to 20 prompts in responses/2026-11-24.jsonl". */
  readonly summary?: string;
  /** Absolute path of what it wrote, to open. */
  readonly output?: string;
}

export interface JobProgress {
  /** "loading the model", "rollout", "generating" … */
  readonly what: string;
  readonly stage?: StageName;
  /** What the stage computes on, as a person reads it. Absent: the CPU. */
  readonly device?: string;
  /** Of the stage, in optimiser steps; of other jobs, in what `what` counts. `total` 0: not known. */
  readonly done: number;
  readonly total: number;
  /** What `done` and `total` count, where it is not in `what`; `perSecond` counts the same. */
  readonly unit?: 'bytes';
  readonly perSecond?: number;
  /** Of the whole job, all stages. Undefined: not known yet. */
  readonly secondsLeft?: number;
}

// ------------------------------------------------------------------------------------------------ scores

export interface ScoredText {
  readonly reward: number;
  /** Share of the labelled responses with a lower reward, 0 to 1; undefined where fewer than ten are labelled. */
  readonly percentile?: number;
}

/** What one line of an export or a doctor's report says is text for people; the data is in the file it names. */
export interface ExportSummary {
  readonly path: string;
  readonly rows: number;
  /** Decisions that gave no row, by reason: ties, skips, responses that are gone, disagreement, pictures. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/** What one use of the model is reckoned to take at its peak, bytes; `parts` by what they are for. */
export interface MemoryNeed {
  readonly use: StageName | 'score' | 'generate';
  readonly bytes: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** A device that works here, the CPU apart, with what it has shown of its limits, in bytes. */
export interface DeviceLimits {
  readonly name: DeviceName;
  readonly title: string;
  /** It is the processor that computes. */
  readonly software: boolean;
  /** The largest buffer that could be had, and the smallest that could not; of those that were tried. */
  readonly bufferLimit?: number;
  readonly bufferRefused?: number;
  /** Of the card, where it tells. */
  readonly memory?: number;
}

/** Whether a model's training fits on a device; null: not known. */
export interface DeviceFit {
  readonly name: DeviceName;
  readonly title: string;
  readonly fits: boolean | null;
  /** Follows the title: "has room for it with its 8.6 GB". */
  readonly message: string;
}

/** What training a model takes of a device's memory, in bytes. */
export interface DeviceNeed {
  readonly model: string;
  /** Absolute. */
  readonly path: string;
  /** At the peak of the stage that takes most. */
  readonly bytes: number;
  /** The weight that takes the largest buffer. */
  readonly largest: { readonly name: string; readonly bytes: number };
  readonly devices: readonly DeviceFit[];
}

export interface DoctorReport {
  readonly palate: string;
  readonly node: string;
  readonly platform: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: { readonly total: number; readonly available: number };
  /** Of the project's model, or of the one that was named. */
  readonly needs?: readonly MemoryNeed[];
  readonly devices: readonly DeviceLimits[];
  /** Of every model of this person. */
  readonly deviceNeeds: readonly DeviceNeed[];
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    /** What works without it is most of Palate. */
    readonly optional?: boolean;
    /** What was found and, where it is not well, what to do. */
    readonly message: string;
  }[];
}

/** What training will take, before it starts. */
export interface TrainingForecast {
  /** Preferences on text that will be trained on. */
  readonly preferences: number;
  /** Kept, but this version trains on text only. */
  readonly imagePreferences: number;
  /** Bytes. */
  readonly memory: { readonly needed: number; readonly available: number };
  /** Why it can't start: too few preferences, no reward model for PPO, another run in progress … */
  readonly problems: readonly string[];
  /** What will run unless the person changes it. */
  readonly engine: EngineName;
  readonly precision: Precision;
  readonly device: string;
  /** What onnxruntime can compute on here, and what each has shown. */
  readonly devices: readonly {
    readonly name: DeviceName;
    readonly title: string;
    readonly ready: boolean;
    readonly message: string;
  }[];
  readonly engines: readonly { readonly name: EngineName; readonly ready: boolean; readonly message: string }[];
}
