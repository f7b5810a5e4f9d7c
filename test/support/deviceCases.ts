import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import type { OptimiserState } from '../../server/engine/optimiser.ts';
import { ppoConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { type PpoState, ppoStage } from '../../server/engine/stages/ppo.ts';
import { type SftState, sftStage } from '../../server/engine/stages/sft.ts';
import type { Serialisable, Stage } from '../../server/engine/stages/stage.ts';
import type { BaseModel } from '../../server/engine/weights/types.ts';
import { randomSequences } from './sequences.ts';
import { runStage } from './stages.ts';
import { tinyAdapter, tinyGemma, tinyModel } from './tinyModel.ts';

/** What a stage came to on a device; numbers as JSON. */
export interface DeviceReport {
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly learners: readonly {
    readonly updates: number;
    readonly parameters: readonly number[];
    readonly first: readonly number[];
  }[];
  /** After each step, in bytes since the start: what crossed between host and device. */
  readonly traffic: readonly { readonly uploaded: number; readonly downloaded: number; readonly crossed: number }[];
}

export interface DeviceCase {
  readonly base: () => BaseModel;
  open(model: Model): Stage<Serialisable>;
  /** The same on every device. */
  start(): Promise<Serialisable>;
  learners(state: Serialisable): readonly OptimiserState[];
}

const optimiser = { learningRate: 2e-3, microBatchTokens: 96 };
const sequences = randomSequences(20);
const sft = tinyAdapter(tinyModel());
const reward = tinyAdapter(tinyModel(), { seed: 9, task: 'SEQ_CLS' });

const openSft = (model: Model) =>
  sftStage(model, sequences, v.parse(sftConfig, { ...optimiser, batchSize: 2 }), { seed: 3 });

function openPpo(model: Model) {
  const lengths = { iterations: 1, rolloutBatch: 10, batchSize: 2, maxNewTokens: 12, policyEpochs: 2, criticEpochs: 2 };
  const prompts = sequences.map(({ prompt }) => prompt);
  return ppoStage(model, { prompts, sft, reward }, v.parse(ppoConfig, { ...optimiser, ...lengths }), { seed: 3 });
}

/** Each takes at least ten steps a learner. PPO learns from rollouts that the CPU has recorded. */
export const deviceCases: Readonly<Record<string, DeviceCase>> = {
  sft: {
    base: tinyModel,
    open: (model) => openSft(model) as unknown as Stage<Serialisable>,
    start: async () => openSft(new Model(tinyModel())).start(),
    learners: (state) => [(state as SftState).learner],
  },
  gemma: {
    base: tinyGemma,
    open: (model) => openSft(model) as unknown as Stage<Serialisable>,
    start: async () => openSft(new Model(tinyGemma())).start(),
    learners: (state) => [(state as SftState).learner],
  },
  ppo: {
    base: tinyModel,
    open: (model) => openPpo(model) as unknown as Stage<Serialisable>,
    async start() {
      const stage = openPpo(new Model(tinyModel()));
      const recorded = stage.start();
      await runStage(stage, recorded, { until: 1 });
      return { ...stage.start(), rollout: recorded.rollout, normaliser: recorded.normaliser } as PpoState;
    },
    learners: (state) => [(state as PpoState).policy, (state as PpoState).critic],
  },
};
