import type { HeldMemory } from './memory.ts';
import type {
  CheckpointEvent,
  CompletionRow,
  DeviceChoice,
  EngineName,
  EvaluatedText,
  EvaluateSummary,
  GeneratedAnswer,
  GenerateSummary,
  MetricsEvent,
  NoticeEvent,
  Precision,
  PreferenceRow,
  ProgressEvent,
  PromptRow,
  RowEvent,
  RowSource,
  SampleEvent,
  ScoredAnswer,
  ScoredPair,
  ScoreSummary,
  StageName,
  StageStatusEvent,
  TextRow,
  TrainSummary,
} from './types.ts';

/**
 * Server ⇄ engine: every method once, with what it takes, what it tells on the way, and what it answers. The caller's,
 * the handlers' and the replies' types below are derived from this map; a method without a handler does not compile.
 */
export interface EngineMethods {
  /** Samples answers. */
  generate: {
    params: GenerateParams;
    event: ProgressEvent | NoticeEvent | RowEvent<GeneratedAnswer>;
    result: GenerateSummary;
  };
  /** How likely the model finds rows; with a reward adapter and preference rows, how often it agrees. */
  evaluate: {
    params: EvaluateParams;
    event: ProgressEvent | NoticeEvent | RowEvent<EvaluatedText | ScoredPair>;
    result: EvaluateSummary;
  };
  /** Rewards of answers. */
  score: {
    params: ScoreParams;
    event: ProgressEvent | NoticeEvent | RowEvent<ScoredAnswer | ScoredPair>;
    result: ScoreSummary;
  };
  /** Runs stages into a run folder; stopping it saves first and answers `{status: 'paused'}`. */
  train: {
    params: TrainParams;
    event: ProgressEvent | NoticeEvent | MetricsEvent | SampleEvent | StageStatusEvent | CheckpointEvent;
    result: TrainSummary;
  };
  /** Writes the model, with the adapter worked in, for other programs. */
  exportModel: { params: ExportParams; event: ProgressEvent | NoticeEvent; result: ExportSummary };
  /** Stops the request with that id, waiting or running; false where there is none (it may just have ended). */
  stop: { params: { readonly request: number }; event: never; result: { readonly stopping: boolean } };
  /** What this process is, does and holds. */
  describe: { params: Record<string, never>; event: never; result: EngineDescription };
}

export type EngineMethod = keyof EngineMethods;

/** Methods that take a while and yield between their steps; the others answer at once. */
export type TaskMethod = 'generate' | 'evaluate' | 'score' | 'train' | 'exportModel';

/** What a task yields on the way, by method. */
export type EngineEvents = { [Method in EngineMethod]: EngineMethods[Method]['event'] };

export type EngineParams<Method extends EngineMethod> = EngineMethods[Method]['params'];
export type EngineResult<Method extends EngineMethod> = EngineMethods[Method]['result'];

/** A running task: it yields wherever the engine may serve something else, save, or stop. */
export type Task<Method extends TaskMethod> = AsyncGenerator<EngineEvents[Method], EngineResult<Method>, void>;

export interface TaskContext {
  /**
   * Aborted when the task shall stop. `train` looks at it after each yield, saves, and returns; the others need not:
   * their generator is closed at the yield it stands at, so their `finally` blocks run.
   */
  readonly signal: AbortSignal;
}

/** One handler a method. Tasks are generators; the others answer at once. */
export type TaskHandlers = {
  readonly [Method in TaskMethod]: (params: EngineParams<Method>, context: TaskContext) => Task<Method>;
};

// ------------------------------------------------------------------------------------------------ parameters

/** A base model, with an adapter on it or bare, and how it is run. */
export interface ModelParams {
  /** A GGUF file or a Hugging Face folder. */
  readonly model: string;
  /** A PEFT folder. */
  readonly adapter?: string;
  /** Threads of the runtime; default: physical cores. Results are byte-identical only for the same number. */
  readonly threads?: number;
}

export interface GenerateParams extends ModelParams {
  readonly source: RowSource<PromptRow>;
  /** 'greedy', or the temperature to sample at. Default 1. */
  readonly sampling?: 'greedy' | { readonly temperature: number; readonly topK?: number; readonly topP?: number };
  /** Answers a row. Default 1. */
  readonly samples?: number;
  /** Default 128. */
  readonly maxNewTokens?: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface EvaluateParams extends ModelParams {
  readonly source: RowSource<TextRow | CompletionRow | PreferenceRow>;
  /** A PEFT folder, or 'base' for the bare model: the exact divergence from it is measured too. */
  readonly reference?: string;
}

export interface ScoreParams extends ModelParams {
  /** A PEFT folder of task SEQ_CLS. */
  readonly adapter: string;
  readonly source: RowSource<CompletionRow | PreferenceRow | TextRow>;
}

export interface TrainParams {
  /** 'all': sft, reward, ppo, each from what the one before it left. */
  readonly stage: StageName | 'all';
  readonly model: string;
  /** A JSONL file of preference rows; for sft alone, completion rows do as well. */
  readonly data: string;
  /** The run's folder. */
  readonly out: string;
  /** What the user configured (parsed JSON, unchecked), and where it stands, for messages. */
  readonly config?: { readonly value: unknown; readonly source: string };
  /** Default 0. */
  readonly seed?: number;
  /** Length of rollouts' answers; wins over the configuration's. */
  readonly maxNewTokens?: number;
  /** Goes on with the run in `out`; without it a folder that already holds a run is refused. */
  readonly resume?: boolean;
  /** Most seconds of work between two checkpoints. Default 60; 0: after every step. */
  readonly checkpointSeconds?: number;
  readonly threads?: number;
  /** What trains; wins over the configuration's. Default 'onnx'. */
  readonly engine?: EngineName;
  /** Wins over the configuration's. Default 'float32'. */
  readonly precision?: Precision;
  /** Where onnxruntime trains; wins over the configuration's. Default 'auto'. */
  readonly device?: DeviceChoice;
}

/** 'safetensors': a Hugging Face folder; the others: one file for llama.cpp. */
export type ExportFormat = 'safetensors' | 'gguf-f16' | 'gguf-q8_0';

export interface ExportParams {
  /** A GGUF file or a Hugging Face folder. */
  readonly model: string;
  /** A PEFT folder of task CAUSAL_LM. */
  readonly adapter?: string;
  /** What is written: a folder, or a file whose name ends in .gguf. It must not be there yet. */
  readonly out: string;
  /** Default: gguf-f16 where `out` ends in .gguf, else safetensors. */
  readonly format?: ExportFormat;
}

export interface ExportSummary {
  /** Absolute. */
  readonly out: string;
  readonly format: ExportFormat;
  readonly parameters: number;
  /** Bytes written. */
  readonly bytes: number;
}

export interface EngineDescription {
  readonly pid: number;
  readonly node: string;
  /** Requests running and waiting, oldest first. */
  readonly requests: readonly { readonly request: number; readonly method: EngineMethod; readonly running: boolean }[];
  /** Bytes; `peak`: the most that was ever resident. */
  readonly memory: {
    readonly resident: number;
    readonly peak: number;
    readonly heap: number;
    readonly buffers: number;
  };
  /** Absent: no model is loaded. */
  readonly held?: HeldMemory;
}

// ------------------------------------------------------------------------------------------------ messages

/** 'interactive' requests are served between two steps of a 'background' one. */
export type Priority = 'interactive' | 'background';

export type EngineRequest = {
  [Method in EngineMethod]: {
    readonly request: number;
    readonly method: Method;
    readonly priority: Priority;
    readonly params: EngineParams<Method>;
  };
}[EngineMethod];

/** Why a request failed. `userFacing`: the message is a sentence for the person and needs no stack. */
export interface EngineFailure {
  readonly message: string;
  readonly userFacing: boolean;
  readonly stack?: string;
  /** It was stopped on request. */
  readonly stopped?: boolean;
}

export type EngineReply<Method extends EngineMethod = EngineMethod> = { readonly request: number } & (
  | { readonly ok: EngineResult<Method> }
  | { readonly error: EngineFailure }
);

export type EngineEventMessage<Method extends EngineMethod = EngineMethod> = {
  readonly request: number;
  readonly event: EngineEvents[Method];
};

/** Everything that the engine sends. A message that is not a request is answered with `request: null`. */
export type EngineMessage =
  | EngineReply
  | EngineEventMessage
  | { readonly request: null; readonly error: EngineFailure };
