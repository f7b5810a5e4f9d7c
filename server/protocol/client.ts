/**
 * Editor ⇄ server: every request and every notification once. Both ends' types are derived from these two maps: a
 * method without a handler, or a handler with a wrong reply, does not compile. On the wire a method is called
 * "palate/<name>" (wireName). Language features (inlay hints, hovers, …) are LSP's own and not listed. An error's
 * message is a sentence for the person. Large data goes by path or page. No imports but types.
 */

import type { LibraryModel } from './library.ts';
import type { EngineMemory } from './memory.ts';
import type {
  CompareQueue,
  Comparison,
  Decision,
  DoctorReport,
  ExportSummary,
  Job,
  LabelProgress,
  ProjectFolder,
  ProjectInfo,
  Recorded,
  ScoredText,
  Skip,
  TrainingForecast,
} from './project.ts';
import type { Outcome, ProjectModel, RunHistory, RunSummary } from './runs.ts';
import type { CudaState, TensorflowProgress, TensorflowSetup, TensorflowState } from './setup.ts';
import type { DeviceChoice, EngineName, Precision, StageName } from './types.ts';

interface InProject {
  readonly project: ProjectFolder;
}

interface ByAnnotator extends InProject {
  readonly annotator: string;
}

export interface TrainRequest extends InProject {
  readonly stage: StageName | 'all';
  /** Win over palate.json's. */
  readonly engine?: EngineName;
  readonly precision?: Precision;
  readonly device?: DeviceChoice;
  /** Go on in this run's folder with another stage (reward after sft, ppo after reward); absent: a new run. */
  readonly run?: string;
}

export interface ClientMethods {
  /** The projects among these folders and what is in each; reads palate.json again. */
  listProjects: { params: { readonly folders: readonly string[] }; result: readonly ProjectInfo[] };
  /** Makes palate.json, .gitattributes, prompts/, guidelines.md, .palate/.gitignore. Refuses what is already there. */
  createProject: { params: { readonly folder: string; readonly model?: string }; result: ProjectInfo };
  /** Copies the example that comes with Palate into an empty or new folder. */
  createExample: { params: { readonly folder: string }; result: ProjectInfo };

  /** What to compare next. `held`: comparisons the panel still has; they are left out. */
  nextComparisons: {
    params: ByAnnotator & { readonly count: number; readonly held: readonly string[] };
    result: CompareQueue;
  };
  /** Answered after the line is flushed to the disk; rejected when it could not be. */
  decide: { params: ByAnnotator & { readonly decision: Decision }; result: Recorded };
  skip: { params: ByAnnotator & { readonly skip: Skip }; result: Recorded };
  /** Takes the newest event that stands back. Null: there is none. */
  undo: { params: ByAnnotator; result: Recorded | null };
  redo: { params: ByAnnotator; result: Recorded | null };
  /** One comparison by id, as this annotator sees it: what a reloaded panel shows. Null: its responses are gone. */
  comparison: {
    /** `open`: null, too, where this annotator has decided about it or skipped it. */
    params: ByAnnotator & { readonly comparison: string; readonly open?: boolean };
    result: Comparison | null;
  };
  /** Decodes a picture in a process of its own and answers the path of a safe PNG or WebP in the project's cache. */
  prepareImage: {
    params: InProject & { readonly path: string };
    result: { readonly path: string; readonly width: number; readonly height: number };
  };
  /** TRL preference rows. */
  exportPreferences: {
    params: InProject & { readonly path: string; readonly annotators?: readonly string[] };
    result: ExportSummary;
  };

  /** Starts answering prompts; what is done is kept when it is stopped. */
  generate: {
    params: InProject & {
      /** Absent: every file below prompts/. */
      readonly prompts?: string;
      /** Most prompts to answer; those with fewest responses first. */
      readonly limit?: number;
      readonly samples?: number;
      readonly maxNewTokens?: number;
      readonly temperature?: number;
      /** A ProjectModel's id; absent: the newest policy, else the base. */
      readonly model?: string;
    };
    result: Job;
  };
  forecastTraining: { params: TrainRequest; result: TrainingForecast };
  train: { params: TrainRequest; result: Job };
  /** Goes on with a run that is paused, failed or was interrupted. */
  resumeRun: { params: InProject & { readonly run: string }; result: Job };
  /** Saves, then stops. A training job becomes 'paused', and is offered again at the next opening unless `forget`. */
  stopJob: { params: { readonly job: string; readonly forget?: boolean }; result: { readonly stopping: boolean } };
  listJobs: { params: Record<string, never>; result: readonly Job[] };
  /** Rewards of every row of a file, written beside it as NAME.scores.jsonl. */
  scoreFile: { params: InProject & { readonly file: string }; result: Job };
  /** The reward of a text. Loads the model where it must: the person asked. */
  scoreText: {
    params: InProject & {
      readonly text: string;
      /** The line of a data set that the text was selected in; its prompt is the text's, where it is a response. */
      readonly within?: { readonly line: string; readonly start: number; readonly end: number };
    };
    result: ScoredText;
  };
  /** Answers prompts with the model before and after a run. */
  outcome: {
    params: InProject & {
      readonly run?: string;
      readonly prompts?: number;
      /** Default 'sampled': at the project's temperature, with the same random numbers on both sides. */
      readonly sampling?: 'greedy' | 'sampled';
    };
    result: Job;
  };
  /** What the newest such job found for a run. Null: it was not computed yet. */
  readOutcome: { params: InProject & { readonly run: string }; result: Outcome | null };

  listRuns: { params: InProject; result: readonly RunSummary[] };
  readRun: {
    params: InProject & { readonly run: string; readonly fromMetric?: number; readonly fromSample?: number };
    result: RunHistory;
  };
  /** A run that stands still is no longer offered at the next opening; it stays, and can be gone on with. */
  forgetRun: { params: InProject & { readonly run: string }; result: null };
  deleteRun: { params: InProject & { readonly run: string }; result: null };
  listModels: { params: InProject; result: readonly ProjectModel[] };
  /** What the engine has in memory. Null: it does not run. */
  engineMemory: { params: Record<string, never>; result: EngineMemory | null };
  /** Which reward model's scores are shown, or which policy generates. */
  chooseModel: { params: InProject & { readonly id: string }; result: null };
  /** The base models on this machine, whatever the project. Each is looked at: it may take seconds. */
  listLibrary: { params: Record<string, never>; result: readonly LibraryModel[] };
  /**
   * Adds a model by its absolute path, or one of the hub (org/name). What is on this machine is answered at once; else a
   * job downloads it, after which the same request answers it.
   */
  addModel: {
    params: { readonly model: string };
    result: { readonly model: LibraryModel } | { readonly job: Job };
  };
  doctor: { params: { readonly project?: ProjectFolder }; result: DoctorReport };

  /** The native part of TensorFlow. With `check` a process of its own loads it and computes a gradient. */
  tensorflowState: { params: { readonly check?: boolean }; result: TensorflowState };
  /** Sets it up, in a process of its own; answered when that has ended. One at a time. */
  setUpTensorflow: {
    params: {
      /** A wheel, a folder or an archive; null: what tfjs-node's authors publish is downloaded. */
      readonly from: string | null;
    };
    result: TensorflowSetup;
  };
  /** What was downloaded is kept for the next time. */
  stopTensorflowSetup: { params: Record<string, never>; result: { readonly stopping: boolean } };

  /** onnxruntime's CUDA provider: whether it is there, else what would be downloaded. Asks its feed. */
  cudaState: { params: Record<string, never>; result: CudaState };
  /** A job downloads and installs it where it is not there, and tries the device. */
  installCuda: { params: Record<string, never>; result: Job };
}

/** Server → editor. */
export interface ServerNotifications {
  /** A file of the project changed: ask again for what is shown. */
  projectChanged: InProject;
  /** Labels changed, here, in another window, or by git. */
  feedbackChanged: ByAnnotator & { readonly progress: LabelProgress };
  jobChanged: { readonly job: Job };
  /** A run's files grew or changed, whoever writes them: read on from where you are. At most four a second. */
  runChanged: InProject & { readonly run: string };
  /** Another reward model, or more scores: hints are refreshed by the server itself, views by this. */
  scoresChanged: InProject;
  /** The set-up of TensorFlow goes on. */
  tensorflowSetup: TensorflowProgress;
}

export type ClientMethod = keyof ClientMethods;
export type ClientParams<Method extends ClientMethod> = ClientMethods[Method]['params'];
export type ClientResult<Method extends ClientMethod> = ClientMethods[Method]['result'];
/** The server's handlers: one a method. A UserError becomes the message; anything else is a fault and logged. */
export type ClientHandlers = {
  readonly [Method in ClientMethod]: (
    params: ClientParams<Method>,
  ) => ClientResult<Method> | Promise<ClientResult<Method>>;
};
/** The editor's way to the server. */
export type ServerConnection = <Method extends ClientMethod>(
  method: Method,
  params: ClientParams<Method>,
) => Promise<ClientResult<Method>>;
export type ServerNotification = keyof ServerNotifications;

export type WireName<Name extends string> = `palate/${Name}`;

/** What the editor gives the server when it starts it (LSP initializationOptions), and again when settings change. */
export interface ServerSettings {
  readonly inlineScores: 'off' | 'inlay' | 'codeLens';
  /** Cores left to the editor while training; default 1. */
  readonly freeCores: number;
  /** What happens to a run that was interrupted when its project is opened again. */
  readonly onInterruptedRun: 'offer' | 'resume';
  /** False: read and label only. */
  readonly trusted: boolean;
}
