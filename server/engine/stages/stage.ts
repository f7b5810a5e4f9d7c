import type { Adapter } from '../weights/types.ts';

/** What a checkpoint can hold: a JSON tree whose leaves may also be typed arrays. */
export type Serialisable =
  | null
  | boolean
  | number
  | string
  | Float32Array
  | Int32Array
  | readonly Serialisable[]
  | { readonly [key: string]: Serialisable };

/** What a stage tells whoever drives it. The driver may serve, save or stop at every one of them. */
export type StageEvent =
  /** One optimiser step is done; `state` now says so, and a checkpoint may be written. `steps` is the expected total. */
  | { readonly kind: 'step'; readonly step: number; readonly steps: number; readonly metrics: Record<string, number> }
  /** Work between optimiser steps (decoding, scoring). `state` has not moved: a checkpoint now would repeat this work. */
  | { readonly kind: 'work'; readonly what: string; readonly done: number; readonly total: number }
  /** A held-out evaluation or another measurement that belongs in metrics.jsonl. */
  | { readonly kind: 'metrics'; readonly step: number; readonly metrics: Record<string, number> }
  /** A response worth reading, for samples.jsonl. */
  | {
      readonly kind: 'sample';
      readonly step: number;
      readonly prompt: string;
      readonly response: string;
      readonly reward: number;
    }
  /** Something the person should know: a skipped step, an early stop. */
  | { readonly kind: 'notice'; readonly message: string };

/**
 * One stage of training. `State` is plain data, owned by the driver: it is all that `run` needs to go on, so a stage
 * resumed from a saved state ends with the same bytes as one that was never stopped.
 */
export interface Stage<State extends Serialisable> {
  readonly name: 'sft' | 'reward' | 'ppo';
  /** Runs from `state` to the end, changing `state` in place at each 'step'. */
  run(state: State): AsyncGenerator<StageEvent, void>;
  /** The adapter that `state` holds, to be written as a PEFT folder. */
  adapter(state: State): Adapter;
}
