import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import type { OptimiserState } from '../../server/engine/optimiser.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { Serialisable, Stage, StageEvent } from '../../server/engine/stages/stage.ts';
import { relativeError } from '../support/close.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { copyOf, runStage, stepMetrics } from '../support/stages.ts';
import { openTensorFlow, tensorflow, tf } from '../support/tensorflow.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

/** A stage on either engine, and the learners in its state. */
interface Case {
  open(model: Model): Stage<never> & { start(): Serialisable };
  learners(state: Serialisable): readonly OptimiserState[];
}

const optimiser = { learningRate: 2e-3, microBatchTokens: 128 };
const sequences = randomSequences(40);
const pairs = randomPairs(40);
const sft = tinyAdapter(tinyModel());
const reward = tinyAdapter(tinyModel(), { seed: 9, task: 'SEQ_CLS' });

/** Each makes at least ten optimiser steps; PPO from the rollouts of one iteration, five of each learner's. */
const cases: Readonly<Record<string, Case>> = {
  sft: {
    open: (model) =>
      sftStage(model, sequences, v.parse(sftConfig, { ...optimiser, batchSize: 4 }), { seed: 3 }) as never,
    learners: (state) => [(state as { learner: OptimiserState }).learner],
  },
  reward: {
    open: (model) =>
      rewardStage(model, pairs, v.parse(rewardConfig, { ...optimiser, batchSize: 6 }), { seed: 3, from: sft }) as never,
    learners: (state) => [(state as { learner: OptimiserState }).learner],
  },
  ppo: {
    open(model) {
      const settings = {
        ...optimiser,
        iterations: 1,
        rolloutBatch: 20,
        batchSize: 4,
        maxNewTokens: 16,
        policyEpochs: 2,
      };
      const config = v.parse(ppoConfig, { ...settings, criticEpochs: 2 });
      const prompts = sequences.map(({ prompt }) => prompt);
      return ppoStage(model, { prompts, sft, reward }, config, { seed: 3 }) as never;
    },
    learners(state) {
      const { policy, critic } = state as { policy: OptimiserState; critic: OptimiserState };
      return [policy, critic];
    },
  },
};

describe('onnx and tensorflow', function () {
  this.timeout(120_000);
  const models = { onnx: new Model(tinyModel()), tensorflow: new Model(tinyModel(), { runtime: tensorflow }) };
  after(async () => {
    for (const model of Object.values(models)) await model.release();
  });

  /** Runs a stage from the start, or from a state, on one engine. */
  async function run(
    { open }: Case,
    engine: keyof typeof models,
    options: { readonly from?: Serialisable; readonly until?: number } = {},
  ): Promise<{ state: Serialisable; events: StageEvent[] }> {
    const stage = open(models[engine]);
    const state = options.from ?? stage.start();
    const events = await runStage(stage as unknown as Stage<Serialisable>, state, { until: options.until });
    return { state: copyOf(state), events };
  }

  function assertAlike(tested: Case, found: Serialisable, expected: Serialisable): void {
    const [a, b] = [tested.learners(found), tested.learners(expected)];
    b.forEach(({ parameters, first, updates }, k) => {
      assert.equal(a[k].updates, updates);
      const [moved, momentum] = [relativeError(a[k].parameters, parameters), relativeError(a[k].first, first)];
      assert.ok(moved <= 1e-3, `parameters of learner ${k} are off by ${moved}`);
      assert.ok(momentum <= 1e-3, `first moments of learner ${k} are off by ${momentum}`);
    });
  }

  for (const [name, tested] of Object.entries(cases)) {
    it(`${name}: ten steps from the same start end alike, and every loss on the way`, async () => {
      const [onnx, other] = [await run(tested, 'onnx'), await run(tested, 'tensorflow')];
      const [expected, found] = [stepMetrics(onnx.events), stepMetrics(other.events)];
      assert.ok(expected.length >= 10, `only ${expected.length} steps`);
      assert.equal(found.length, expected.length);
      // PPO's losses cross zero, so a trajectory is judged as a whole.
      const losses = new Set(expected.flatMap((metrics) => Object.keys(metrics).filter((key) => key.includes('loss'))));
      for (const loss of losses) {
        const trajectory = (steps: typeof expected) => steps.map((metrics) => metrics[loss] ?? 0);
        const error = relativeError(trajectory(found), trajectory(expected));
        assert.ok(error <= 1e-3, `${loss} is off by ${error}`);
      }
      assertAlike(tested, other.state, onnx.state);
    });

    for (const [first, second] of [
      ['onnx', 'tensorflow'],
      ['tensorflow', 'onnx'],
    ] as const) {
      it(`${name}: begun on ${first} it is finished on ${second}`, async () => {
        const whole = await run(tested, 'onnx');
        const begun = await run(tested, first, { until: 4 });
        const finished = await run(tested, second, { from: begun.state });
        assert.equal(stepMetrics(finished.events).length, stepMetrics(whole.events).length - 4);
        assertAlike(tested, finished.state, whole.state);
      });
    }

    it(`${name}: a step on tensorflow leaves no tensor behind`, async () => {
      await run(tested, 'tensorflow', { until: 1 });
      const before = tf.memory().numTensors;
      await run(tested, 'tensorflow', { until: 3 });
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('the first minibatch of PPO on tensorflow has ratio 1 and clips nothing', async () => {
    const { events } = await run(cases.ppo, 'tensorflow', { until: 1 });
    const [first] = stepMetrics(events);
    assert.ok(Math.abs(first['val/ratio'] - 1) <= 1e-5, `ratio ${first['val/ratio']}`);
    assert.equal(first['policy/clipfrac_avg'], 0);
  });

  it('a released model holds nothing in tensorflow', async () => {
    const before = tf.memory().numTensors;
    const model = new Model(tinyModel({ seed: 2 }), { runtime: openTensorFlow() });
    const stage = cases.sft.open(model);
    await runStage(stage as unknown as Stage<Serialisable>, stage.start(), { until: 1 });
    assert.ok(tf.memory().numTensors > before);
    await model.release();
    assert.equal(tf.memory().numTensors, before);
  });
});
