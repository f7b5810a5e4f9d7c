// A process of its own: `node lackingDevice.js TASK` trains on WebGPU as the engine does and prints what was told. Some
// of its training passes find no memory: before each of them onnxruntime is asked for a buffer that the device cannot
// have, and its own error, whatever it says, is what the pass throws.
import { InferenceSession } from 'onnxruntime-node';
import { Buffers } from '../../server/engine/onnx/webgpu/buffers.ts';
import { trainRun } from '../../server/engine/run/train.ts';
import { openPlan } from '../../server/engine/trainPlan.ts';
import type { TrainParams } from '../../server/protocol/engine.ts';
import type { MetricsEvent, StageStatusEvent } from '../../server/protocol/types.ts';

export interface LackingTask {
  readonly params: TrainParams;
  /** Which of the training passes on the device fail, counted from 1. */
  readonly fail: readonly number[];
}

export interface LackingReport {
  /** onnxruntime's errors. */
  readonly errors: readonly string[];
  readonly notices: readonly string[];
  readonly stages: readonly StageStatusEvent[];
  readonly steps: readonly MetricsEvent[];
}

/** Floats that no software Vulkan has in one piece: 1 GiB. */
const tooMany = 2 ** 28;

const { params, fail }: LackingTask = JSON.parse(process.argv[2]);
const report = {
  errors: [] as string[],
  notices: [] as string[],
  stages: [] as StageStatusEvent[],
  steps: [] as MetricsEvent[],
};
const create = InferenceSession.create as (...given: unknown[]) => Promise<InferenceSession>;
const buffers = new Buffers();
let passes = 0;

InferenceSession.create = (async (...given: unknown[]) => {
  const session = await create.apply(InferenceSession, given);
  const { executionProviders: [provider] = [] } = given[1] as InferenceSession.SessionOptions;
  if (provider !== 'webgpu' || !session.outputNames.includes('gradients')) return session;
  const run = session.run.bind(session) as (...fed: unknown[]) => ReturnType<InferenceSession['run']>;
  return Object.assign(session, {
    async run(...fed: unknown[]) {
      if (fail.includes(++passes)) await lack();
      return run(...fed);
    },
  });
}) as typeof InferenceSession.create;

async function lack(): Promise<void> {
  try {
    (await buffers.zeros(tooMany)).dispose();
  } catch (error) {
    report.errors.push((error as Error).message);
    throw error;
  }
}

for await (const event of trainRun(params, () => openPlan(params), { signal: new AbortController().signal })) {
  if (event.kind === 'notice') report.notices.push(event.message);
  else if (event.kind === 'stage') report.stages.push(event);
  else if (event.kind === 'metrics' && event.steps) report.steps.push(event);
}
process.stdout.write(JSON.stringify(report satisfies LackingReport), () => process.exit(0));
