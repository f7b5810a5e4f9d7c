import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { Precision } from '../../server/protocol/types.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { runStage, stepMetrics } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// The base's linear layers as products of bytes: another rounding, the same learning.

describe('training on an int8 base', () => {
  const base = tinyModel();
  const models = { float32: new Model(base), 'int8-base': new Model(base, { precision: 'int8-base' }) } as const;
  after(async () => {
    for (const model of Object.values(models)) await model.release();
  });

  async function sft(precision: Precision) {
    const config = v.parse(sftConfig, { rank: 4, epochs: 10, learningRate: 0.004 });
    const stage = sftStage(models[precision], randomSequences(16), config, { seed: 3 });
    const state = stage.start();
    const metrics = stepMetrics(await runStage(stage, state));
    return { losses: metrics.map(({ loss }) => loss), state };
  }

  it('sft: every loss is within 1 % of that in float32, and none is the same', async () => {
    const [exact, bytes] = [await sft('float32'), await sft('int8-base')];
    assert.equal(bytes.losses.length, 20);
    assert.ok(exact.losses.at(-1)! < exact.losses[0] - 0.1, 'something is learnt');
    for (const [step, loss] of bytes.losses.entries()) {
      const error = Math.abs(loss / exact.losses[step] - 1);
      assert.ok(error < 0.01, `step ${step + 1}: ${loss}, in float32 ${exact.losses[step]}`);
      assert.notEqual(loss, exact.losses[step]);
    }
  });

  it('sft: the first gradient points where that in float32 does', async () => {
    async function first(precision: Precision) {
      const stage = sftStage(models[precision], randomSequences(8), v.parse(sftConfig, { rank: 4 }), { seed: 3 });
      const state = stage.start();
      await runStage(stage, state, { until: 1 });
      return state.learner.first;
    }
    const [bytes, exact] = [await first('int8-base'), await first('float32')];
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, k) => sum + value * b[k], 0);
    const cosine = dot(bytes, exact) / Math.sqrt(dot(bytes, bytes) * dot(exact, exact));
    assert.ok(cosine > 0.98 && cosine < 1 - 1e-7, `the cosine is ${cosine}`);
  });

  it('reward: leads and accuracy are near those in float32', async () => {
    async function reward(precision: Precision) {
      const config = v.parse(rewardConfig, { rank: 4, heldOut: 0, epochs: 3 });
      const stage = rewardStage(models[precision], randomPairs(16), config, { seed: 3 });
      return stepMetrics(await runStage(stage, stage.start())).at(-1)!;
    }
    const [exact, bytes] = [await reward('float32'), await reward('int8-base')];
    assert.ok(Math.abs(bytes.loss - exact.loss) < 0.05 * exact.loss, `${bytes.loss}, in float32 ${exact.loss}`);
    assert.notEqual(bytes.loss, exact.loss);
  });

  // oldLogps come from the same products as the update's: section 7 of the design, item 3.
  it('ppo: before the first update every ratio is 1 and nothing is clipped', async () => {
    const inputs = {
      prompts: randomSequences(8).map(({ prompt }) => prompt),
      sft: tinyAdapter(base),
      reward: tinyAdapter(base, { task: 'SEQ_CLS', seed: 4 }),
    };
    const config = v.parse(ppoConfig, {
      iterations: 1,
      rolloutBatch: 8,
      maxNewTokens: 8,
      policyEpochs: 1,
      criticEpochs: 1,
    });
    const stage = ppoStage(models['int8-base'], inputs, config, { seed: 3 });
    const [first] = stepMetrics(await runStage(stage, stage.start(), { until: 1 }));
    assert.ok(Math.abs(first['val/ratio'] - 1) < 1e-5, `the ratio is ${first['val/ratio']}`);
    assert.equal(first['policy/clipfrac_avg'], 0);
  });
});
