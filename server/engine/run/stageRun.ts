import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StageName, StageStatusEvent } from '../../protocol/types.ts';
import { readLatestCheckpoint, writeCheckpoint } from '../checkpoints.ts';
import type { Serialisable, StageEvent } from '../stages/stage.ts';
import { type LineLog, openLineLog } from './lineLog.ts';
import { adapterFolders, type LogPositions, type StageRecord } from './manifest.ts';
import type { OpenStage, RunPlan, StagePlan, TrainEvent } from './plan.ts';
import type { Run } from './run.ts';

/** Where a stage stands between two steps: what a checkpoint keeps besides the stage's own state. */
interface Standing {
  step: number;
  steps: number;
  /** Of work, over all sittings. */
  seconds: number;
  metrics: Record<string, number>;
  logs: LogPositions;
}

interface OpenLogs {
  readonly metrics: LineLog;
  readonly samples: LineLog;
}

/**
 * Runs one stage from its newest checkpoint, or from its start, to its end, and writes its adapter.
 *
 * Lines that were written after the checkpoint are cut off before the stage goes on, because it will yield them again:
 * whatever a stage yields between two steps belongs to the later one.
 *
 * @returns false where it was stopped before its end, and is saved
 */
export async function* runStage(
  run: Run,
  plan: RunPlan,
  { stage: name, open }: StagePlan,
  signal: AbortSignal,
): AsyncGenerator<TrainEvent, boolean, void> {
  const record = run.record(name);
  const folder = join(run.folder, 'checkpoints', name);
  // Checkpoints of a stage that has not begun are another run's, whose manifest was removed.
  if (record.status === 'waiting') rmSync(folder, { recursive: true, force: true });
  const { checkpoint, broken } = readLatestCheckpoint(folder);
  for (const sentence of broken) yield { kind: 'notice', message: sentence };
  const all = { metrics: Number.POSITIVE_INFINITY, samples: Number.POSITIVE_INFINITY };
  const start = record.status === 'waiting' ? all : record.logs;
  const fresh: Standing = { step: 0, steps: 0, seconds: 0, metrics: {}, logs: start };
  const kept = checkpoint?.state as unknown as { standing: Standing; state: Serialisable } | undefined;
  const standing = kept?.standing ?? fresh;
  const logs = openLogs(run.folder, standing.logs);
  standing.logs = positionsOf(logs);
  let opened: OpenStage | undefined;
  try {
    if (record.status === 'waiting') run.update(name, { status: 'running', logs: standing.logs });
    let device = noteDevice(run, name, plan);
    yield { kind: 'stage', stage: name, status: kept ? 'resumed' : 'started', step: standing.step, ...device };
    opened = await open(run.adapters());
    const state = kept?.state ?? opened.initial;
    const settle = async () => plan.settle?.();
    const sitting = new Sitting({
      run,
      settle,
      name,
      folder,
      standing,
      state,
      logs,
      savedStep: kept ? standing.step : -1,
    });
    for (let done = false; !done; ) {
      try {
        for await (const event of opened.stage.run(state)) {
          run.lock.beat();
          yield* sitting.take(event);
          if (signal.aborted) {
            yield* sitting.save();
            return false;
          }
        }
        done = true;
      } catch (error) {
        const less = plan.lessMemory?.(name, error);
        if (less === undefined) throw error;
        run.update(name, { fallBacks: [...(run.record(name).fallBacks ?? []), less.notice] });
        yield { kind: 'notice', message: less.notice };
        const before = device.device;
        device = noteDevice(run, name, plan);
        if (device.device !== before)
          yield { kind: 'stage', stage: name, status: 'moved', step: standing.step, ...device };
        opened.close?.();
        opened = await less.plan.open(run.adapters());
      }
    }
    yield* sitting.save();
    plan.writeAdapter(join(run.folder, adapterFolders[name]), opened.stage.adapter(state));
    run.update(name, { ...sitting.progress(), status: 'done' });
    yield { kind: 'stage', stage: name, status: 'done', step: standing.step, ...device };
    return true;
  } finally {
    opened?.close?.();
    logs.metrics.close();
    logs.samples.close();
  }
}

/** Writes into the manifest what the stage computes on from now on, and answers it for an event. */
function noteDevice(run: Run, stage: StageName, { deviceTitle: device }: RunPlan): Pick<StageStatusEvent, 'device'> {
  const { devices = [] } = run.record(stage);
  const title = device ?? 'CPU';
  if (devices.at(-1) !== title) run.update(stage, { devices: [...devices, title] });
  return device === undefined ? {} : { device };
}

interface SittingOptions {
  readonly run: Run;
  /** Brings `state` up to date. */
  readonly settle: () => Promise<void>;
  readonly name: StageName;
  /** Of the stage's checkpoints. */
  readonly folder: string;
  readonly standing: Standing;
  readonly state: Serialisable;
  readonly logs: OpenLogs;
  /** The step of the checkpoint that the stage goes on from; −1: none. */
  readonly savedStep: number;
}

/** One stretch of a stage's work in this process: writes its logs, and saves when it is time. */
class Sitting {
  readonly #options: SittingOptions;
  readonly #secondsBefore: number;
  readonly #began = performance.now();
  #savedStep: number;
  #savedAt = performance.now();
  #stepAt = performance.now();
  /** Seconds between two steps, the longest of this sitting. */
  #longestStep = 0;

  constructor(options: SittingOptions) {
    this.#options = options;
    this.#secondsBefore = options.standing.seconds;
    this.#savedStep = options.savedStep;
  }

  async *take(event: StageEvent): AsyncGenerator<TrainEvent, void> {
    const { name: stage, logs } = this.#options;
    if (event.kind === 'work') {
      yield { kind: 'progress', stage, what: event.what, done: event.done, total: event.total };
    } else if (event.kind === 'notice') {
      yield event;
    } else if (event.kind === 'sample') {
      const { step, prompt, response, reward } = event;
      logs.samples.append({ stage, step, prompt, response, reward });
      yield { ...event, stage };
    } else {
      logs.metrics.append({ stage, step: event.step, ...event.metrics, seconds: rounded(this.#seconds()) });
      // Metrics measured between two steps are the later step's: a checkpoint of the earlier one must not hold them.
      if (event.kind === 'step') yield* this.#step(event);
      else yield { ...event, stage };
    }
  }

  async *#step(event: Extract<StageEvent, { kind: 'step' }>): AsyncGenerator<TrainEvent, void> {
    const now = performance.now();
    const { run, name, standing, logs } = this.#options;
    standing.step = event.step;
    standing.steps = event.steps;
    standing.seconds = this.#seconds();
    Object.assign(standing.metrics, event.metrics);
    standing.logs = positionsOf(logs);
    this.#longestStep = Math.max(this.#longestStep, (now - this.#stepAt) / 1000);
    this.#stepAt = now;
    // Saved now if the next step might end too late.
    const due = (now - this.#savedAt) / 1000 + this.#longestStep >= run.checkpointSeconds;
    if (due) yield* this.save();
    yield { kind: 'metrics', stage: name, step: event.step, steps: event.steps, metrics: event.metrics };
  }

  /** Writes a checkpoint of the last step, unless there is one. */
  async *save(): AsyncGenerator<TrainEvent, void> {
    const { run, name, standing, state, logs } = this.#options;
    const { step } = standing;
    if (this.#savedStep === step) return;
    await this.#options.settle();
    logs.metrics.flush();
    logs.samples.flush();
    const folder = writeCheckpoint(this.#options.folder, step, { standing, state } as unknown as Serialisable);
    this.#savedStep = step;
    this.#savedAt = performance.now();
    run.update(name, this.progress());
    yield { kind: 'checkpoint', stage: name, step, folder };
  }

  /** Of work on this stage, over all sittings. */
  #seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#began) / 1000;
  }

  progress(): Pick<StageRecord, 'step' | 'steps' | 'seconds' | 'metrics'> {
    const { step, steps, seconds, metrics } = this.#options.standing;
    return { step, steps, seconds: rounded(seconds), metrics: { ...metrics } };
  }
}

/** To milliseconds. */
const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;

function openLogs(folder: string, positions: LogPositions): OpenLogs {
  mkdirSync(folder, { recursive: true });
  const metrics = openLineLog(join(folder, 'metrics.jsonl'), positions.metrics);
  try {
    return { metrics, samples: openLineLog(join(folder, 'samples.jsonl'), positions.samples) };
  } catch (error) {
    metrics.close();
    throw error;
  }
}

function positionsOf({ metrics, samples }: OpenLogs): LogPositions {
  return { metrics: metrics.position, samples: samples.position };
}
