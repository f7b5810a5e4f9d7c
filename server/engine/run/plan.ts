import type { EngineEvents } from '../../protocol/engine.ts';
import type { AdapterFolderName, DeviceName, EngineName, Precision, StageName } from '../../protocol/types.ts';
import type { Serialisable, Stage } from '../stages/stage.ts';
import type { Adapter } from '../weights/types.ts';

/** The folders of adapters that a run already has. */
export type AdapterPaths = Readonly<Partial<Record<AdapterFolderName, string>>>;

/** A stage to come. */
export interface StagePlan {
  readonly stage: StageName;
  /** With defaults filled in; plain JSON. It must hold every setting that decides the result. */
  readonly config: unknown;
  /** Called when the stages before are done and their adapters are written. */
  open(previous: AdapterPaths): Promise<OpenStage>;
}

export interface OpenStage<State extends Serialisable = Serialisable> {
  readonly stage: Stage<State>;
  /** Where the stage starts when there is no checkpoint. */
  readonly initial: State;
  /** Frees what `stage` holds (sessions, weights). */
  close?(): void;
}

/** Lets a plan hold stages whose states are of different types. */
export function openStage<State extends Serialisable>(open: OpenStage<State>): OpenStage {
  return open as unknown as OpenStage;
}

/** All that a run of stages needs besides its folder. */
export interface RunPlan {
  readonly stages: readonly StagePlan[];
  readonly base: { readonly path: string; readonly identity: string };
  /** Of the runtime, "onnxruntime-node": "1.30.0". */
  readonly versions: Readonly<Record<string, string>>;
  readonly engine: EngineName;
  readonly precision: Precision;
  readonly device: DeviceName;
  /** What stages compute on now, as a person reads it: another after `lessMemory`. Absent: the CPU. */
  readonly deviceTitle?: string;
  /** What the person should know of it before it begins: a device that could not be had. */
  readonly notices?: readonly string[];
  /** Brings the stages' states up to date where they learn in a device's memory; called before one is saved. */
  settle?(): Promise<void>;
  /** What a stage goes on with, from the state it has, where the device's memory did not suffice. Undefined: nothing less. */
  lessMemory?(stage: StageName, error: unknown): { readonly plan: StagePlan; readonly notice: string } | undefined;
  readonly threads: number;
  /** Writes a PEFT folder, complete or absent. */
  writeAdapter(folder: string, adapter: Adapter): void;
  /** Frees what the plan holds beyond the stages. */
  close?(): Promise<void>;
}

export type TrainEvent = EngineEvents['train'];
