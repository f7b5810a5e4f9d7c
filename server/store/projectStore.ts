import type { Agreement } from '../feedback/agreement.ts';
import type {
  ChatMessage,
  CompareQueue,
  Comparison,
  Decision,
  ExportSummary,
  LabelProgress,
  Modality,
  PreferenceRow,
  ProjectInfo,
  Prompt,
  Recorded,
  Response,
  Skip,
} from '../protocol/types.ts';
import type { ProjectConfig } from './projectConfig.ts';

/** A prompt, where it stands, and what answers it. */
export interface PromptEntry {
  readonly prompt: Prompt;
  /** Relative to the project; absent: it is known from a response only. */
  readonly file?: string;
  readonly line?: number;
  readonly responses: readonly Response[];
}

/** What a generation appends to a file below responses/. */
export interface NewResponse {
  readonly prompt: string | readonly ChatMessage[];
  readonly completion: string;
  readonly finished: boolean;
  readonly model: string;
}

export interface InfoOptions {
  /** No path that palate.json names is looked at: its author is not trusted. */
  readonly withoutModel?: boolean;
}

/** Which decisions count for training and export. */
export interface PreferenceOptions {
  /** Absent: all. */
  readonly annotators?: readonly string[];
  /** Absent: both in an export; rows to train on are always text. */
  readonly modality?: Modality;
}

export interface Preferences {
  readonly rows: readonly PreferenceRow[];
  /** Decisions that gave no row, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/** A response that somebody has decided about, for percentiles. */
export interface LabelledResponse {
  readonly id: string;
  readonly prompt: Prompt;
  readonly text: string;
  readonly finished: boolean;
}

/**
 * The files of one project: what is compared, and what was decided. Reads follow the files: git, an editor or another
 * window may change them at any time. Everything that writes resolves after the flush.
 */
export interface ProjectStore {
  readonly folder: string;
  info(options?: InfoOptions): Promise<ProjectInfo>;
  /** @throws UserError naming palate.json, the key, what was found and what to do */
  config(): Promise<ProjectConfig>;
  prompts(): Promise<readonly PromptEntry[]>;

  next(annotator: string, count: number, held: readonly string[]): Promise<CompareQueue>;
  /** Null: its responses are gone; with `open` also: this annotator has decided about it or skipped it. */
  comparison(annotator: string, id: string, options?: { readonly open?: boolean }): Promise<Comparison | null>;
  decide(annotator: string, decision: Decision): Promise<Recorded>;
  skip(annotator: string, skip: Skip): Promise<Recorded>;
  undo(annotator: string): Promise<Recorded | null>;
  redo(annotator: string): Promise<Recorded | null>;
  progress(annotator: string): Promise<LabelProgress>;

  /** Appends to responses/NAME.jsonl, flushed. Blank ones are left out: there is nothing to compare. How many it wrote. */
  addResponses(name: string, responses: readonly NewResponse[]): Promise<number>;
  preferences(options?: PreferenceOptions): Promise<Preferences>;
  exportPreferences(path: string, options?: PreferenceOptions): Promise<ExportSummary>;
  labelledResponses(): Promise<readonly LabelledResponse[]>;
  /** How far annotators agree with themselves and with one another, and whether they favour a side. */
  agreement(options?: PreferenceOptions): Promise<Agreement>;

  /** Calls back after files changed, ours or others', at most once in 200 ms. Returns what ends it. */
  onChange(listener: (what: 'feedback' | 'content' | 'config') => void): () => void;
  close(): Promise<void>;
}
