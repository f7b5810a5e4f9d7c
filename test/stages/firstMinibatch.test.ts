import assert from 'node:assert/strict';
import * as v from 'valibot';
import { activate, Model } from '../../server/engine/model.ts';
import { responseLogps, responseValues } from '../../server/engine/scoring.ts';
import { ppoConfig, rewardConfig } from '../../server/engine/stages/config.ts';
import { type PpoState, ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { rolloutRows } from '../../server/engine/stages/rollout.ts';
import { assertClose } from '../support/close.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { copyOf, resultOf, runStage, stepMetrics } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

describe('the first minibatch', () => {
  const model = new Model(tinyModel());
  after(() => model.release());
  const prompts = randomSequences(12).map(({ prompt }) => prompt);
  const sft = tinyAdapter(model.base);
  const rewardAdapter = {
    ...tinyAdapter(model.base, { seed: 9, task: 'SEQ_CLS' as const }),
    metadata: { 'palate.reward.bias': '0.75' },
  };

  function open(changes: Record<string, unknown> = {}) {
    const settings = { iterations: 2, rolloutBatch: 12, batchSize: 4, maxNewTokens: 20, ...changes };
    const stage = ppoStage(model, { prompts, sft, reward: rewardAdapter }, v.parse(ppoConfig, settings), { seed: 4 });
    return { stage, state: stage.start() };
  }

  for (const temperature of [1, 0.7]) {
    for (const recompute of [false, true]) {
      it(`has ratio 1 and clips nothing, temperature ${temperature}${recompute ? ', recomputed' : ''}`, async () => {
        const { stage, state } = open({ temperature, recompute });
        const [first] = stepMetrics(await runStage(stage, state, { until: 1 }));
        assert.ok(Math.abs(first['val/ratio'] - 1) <= 1e-5, `ratio ${first['val/ratio']}`);
        assert.equal(first['policy/clipfrac_avg'], 0);
        assert.ok(first['policy/approxkl_avg'] < 1e-9, `KL ${first['policy/approxkl_avg']}`);
      });
    }
  }

  it('of a later iteration too', async () => {
    const { stage, state } = open({ learningRate: 0.01 });
    const steps = stepMetrics(await runStage(stage, state));
    const perIteration = steps.length / 2;
    assert.ok(Math.abs(steps[1]['val/ratio'] - 1) > 1e-4, 'the second update sees a policy that has moved');
    assert.ok(Math.abs(steps[perIteration]['val/ratio'] - 1) <= 1e-5);
    assert.equal(steps[perIteration]['policy/clipfrac_avg'], 0);
  });

  it('of the critic sees the values of the rollout: nothing is clipped, whatever the unit of the reward', async () => {
    for (const critic of ['reward', 'zero']) {
      const { stage, state } = open({ critic, valueClipRange: 1e-4, criticEpochs: 2 });
      const steps = stepMetrics(await runStage(stage, state)).filter((step) => 'val/clipfrac_avg' in step);
      assert.equal(steps[0]['val/clipfrac_avg'], 0, critic);
      assert.ok(steps[4]['val/clipfrac_avg'] > 0.1, 'later ones are');
    }
  });

  it('reads values in units of the normalised reward, before and after the head is scaled', async () => {
    const { stage, state } = open();
    const before = copyOf(state);
    await runStage(stage, state, { until: 1 });
    const { gain, bias } = state.normaliser!;
    const rows = rolloutRows(state.rollout!);
    const raw = await valuesOf(before);
    const expected = raw.map((row) => row.map((value) => (value + 0.75) * gain + bias));
    assertClose(
      rows.flatMap(({ oldValues }) => [...oldValues]),
      expected.flatMap((row) => [...row]),
      1e-5,
    );
    const scaled = await valuesOf(state);
    assertClose(
      scaled.flatMap((row) => [...row]),
      raw.flatMap((row) => [...row.map((value) => value * gain)]),
      1e-5,
    );

    function valuesOf(at: PpoState) {
      return resultOf(responseValues(model, { ...activate(rewardAdapter), feeds: criticFeeds(at) }, rows));
    }
    function criticFeeds({ critic }: PpoState) {
      let offset = 0;
      const parts = [...rewardAdapter.tensors].map(([name, { data }]) => {
        offset += data.length;
        return [name, critic.parameters.subarray(offset - data.length, offset)] as const;
      });
      return Object.fromEntries(parts);
    }
  });

  it('learns from log-probabilities of the training graph, not of the sampler', async () => {
    const { stage, state } = open({ temperature: 0.7 });
    await runStage(stage, state, { until: 1 });
    const rows = rolloutRows(state.rollout!);
    const again = await resultOf(responseLogps(model, activate(sft), rows, 0.7));
    assert.deepEqual(
      rows.map(({ oldLogps }) => [...oldLogps]),
      again.map((row) => [...row]),
    );
  });
});

describe('the first step of a reward model', () => {
  const model = new Model(tinyModel());
  after(() => model.release());

  for (const centringCoefficient of [0, 0.01]) {
    it(`has loss ln 2 with a head of zeros, centring ${centringCoefficient}`, async () => {
      const config = v.parse(rewardConfig, { centringCoefficient, heldOut: 0 });
      const stage = rewardStage(model, randomPairs(8), config, { seed: 1, from: tinyAdapter(model.base) });
      const [first] = stepMetrics(await runStage(stage, stage.start(), { until: 1 }));
      assert.ok(Math.abs(first.loss - Math.LN2) < 1e-6, `loss ${first.loss}`);
      assert.equal(first.margin, 0);
    });
  }

  it('adds coefficient · mean (chosen + rejected)² to the loss', async () => {
    const first = async (centringCoefficient: number) => {
      const config = v.parse(rewardConfig, { centringCoefficient, heldOut: 0, rank: 4 });
      const stage = rewardStage(model, randomPairs(8), config, { seed: 1, from: tinyAdapter(model.base) });
      const state = stage.start();
      state.learner.parameters.fill(0.2, -model.config.width);
      return stepMetrics(await runStage(stage, state, { until: 1 }))[0];
    };
    const [none, some, more] = [await first(0), await first(1), await first(2)];
    assert.ok(some.loss - none.loss > 0.1);
    assertClose([more.loss - none.loss], [2 * (some.loss - none.loss)], 1e-5);
  });
});
