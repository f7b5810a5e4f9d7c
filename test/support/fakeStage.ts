import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openStage, type RunPlan, type StagePlan } from '../../server/engine/run/plan.ts';
import type { Stage, StageEvent } from '../../server/engine/stages/stage.ts';
import { readText, writeFolderAtomically } from '../../server/engine/weights/files.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import type { StageName } from '../../server/protocol/types.ts';

/** A run's configuration as the fake plan understands it. */
export interface FakeConfig {
  readonly steps: number;
  /** After that step the stage throws. */
  readonly failAfter?: number;
  /** Milliseconds a step waits, for tests that stop it in the middle. */
  readonly wait?: number;
  readonly learningRate?: number;
}

type FakeState = { step: number; weights: Float32Array; moments: Float32Array; order: Int32Array; loss: number };

/** A stage without a model: its arithmetic depends on every part of its state, so that a lost part changes the result. */
export function fakeStage(name: StageName, config: FakeConfig): Stage<FakeState> {
  return {
    name,
    async *run(state): AsyncGenerator<StageEvent, void> {
      while (state.step < config.steps) {
        for (let done = 1; done <= 3; done++) yield { kind: 'work', what: 'rollout', done, total: 3 };
        if (state.step % 2 === 0) yield { kind: 'metrics', step: state.step + 1, metrics: { eval_loss: state.loss } };
        yield { kind: 'sample', step: state.step + 1, prompt: 'p', response: `r${state.order[0]}`, reward: state.loss };
        if (config.wait) await delay(config.wait);
        takeStep(state, config.learningRate ?? 0.1);
        yield { kind: 'step', step: state.step, steps: config.steps, metrics: { loss: state.loss } };
        if (state.step === config.failAfter) throw new Error('The fake stage fails.');
      }
      yield { kind: 'metrics', step: state.step, metrics: { final_loss: state.loss } };
    },
    adapter: (state) => ({
      rank: 1,
      alpha: 1,
      targetModules: ['q_proj'],
      task: name === 'reward' ? 'SEQ_CLS' : 'CAUSAL_LM',
      tensors: new Map([['weight', { shape: [state.weights.length], data: state.weights }]]),
      metadata: { loss: String(state.loss) },
    }),
  };
}

function takeStep(state: FakeState, learningRate: number): void {
  const { weights, moments, order } = state;
  state.step++;
  for (let index = 0; index < weights.length; index++) {
    const gradient = Math.sin(weights[index] + order[index % order.length] + state.step);
    moments[index] = 0.9 * moments[index] + gradient;
    weights[index] -= learningRate * moments[index];
  }
  order.set([...order.subarray(1), order[0]]);
  // Kept at full precision: a checkpoint that rounds it shows in the adapter.
  state.loss = state.loss * 0.9 + weights.reduce((sum, weight) => sum + weight, 0) / 3;
}

/** A plan of fake stages; each starts from the bytes that the one before it left. */
export function fakePlan(stages: readonly StageName[], config: FakeConfig): RunPlan {
  return {
    stages: stages.map(
      (stage): StagePlan => ({
        stage,
        config,
        async open(previous) {
          const before = Object.values(previous).map((folder) => readText(join(folder, 'adapter.json'), 1e6));
          const start = Float32Array.from({ length: 64 }, (_, index) =>
            Math.fround(before.join('').length + index / 7),
          );
          const initial = {
            step: 0,
            weights: start,
            moments: new Float32Array(64),
            order: Int32Array.of(3, 1, 2),
            loss: 1 / 3,
          };
          return openStage({ stage: fakeStage(stage, config), initial });
        },
      }),
    ),
    base: { path: '/models/fake', identity: 'fake' },
    versions: { fake: '1' },
    engine: 'onnx',
    precision: 'float32',
    device: 'cpu',
    threads: 1,
    writeAdapter: writeFakeAdapter,
  };
}

export function writeFakeAdapter(folder: string, { task, tensors, metadata }: Adapter): void {
  const { data } = tensors.get('weight') as { data: Float32Array };
  writeFolderAtomically(
    folder,
    new Map<string, Iterable<Uint8Array | string>>([
      ['adapter.json', [JSON.stringify({ task, metadata })]],
      ['weights.bin', [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]],
    ]),
  );
}
