import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import { assertClose } from '../support/close.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { runStage, stepMetrics } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// How an optimiser batch is cut into micro-batches, lines and segments is a question of speed and memory, never of the
// result. After one step Adam's first moment is (1 − β₁) times the gradient, and is compared as such.

/** Never clipped: the gradient itself is compared. */
const free = { maxGradientNorm: 1e9, rank: 4 };
/** Rows have up to 45 tokens, so lines have 64. */
const cuts = {
  'one row a micro-batch': { microBatchTokens: 64 },
  'three rows a micro-batch': { microBatchTokens: 192 },
  'every layer recomputed': { recompute: true },
  'one row a micro-batch, every layer recomputed': { microBatchTokens: 64, recompute: true },
};

// Section 7 of the design, item 6.
describe('6. one optimiser batch, however it is cut: the same loss and gradient to 1e-5', () => {
  const model = new Model(tinyModel());
  after(() => model.release());

  async function sft(changes: Record<string, unknown>, train: 'adapter' | 'base' = 'adapter') {
    const config = v.parse(sftConfig, { ...free, packing: false, microBatchTokens: 4096, ...changes });
    const stage = sftStage(model, randomSequences(8), config, { seed: 3, train });
    const state = stage.start();
    const [{ loss, grad_norm: norm }] = stepMetrics(await runStage(stage, state, { until: 1 }));
    return { loss, norm, gradient: state.learner.first };
  }

  for (const train of ['adapter', 'base'] as const) {
    for (const [name, changes] of Object.entries({
      ...cuts,
      packed: { packing: true },
      'packed, in lines of one micro-batch each': { packing: true, microBatchTokens: 64 },
    })) {
      it(`sft of ${train === 'base' ? 'the base' : 'an adapter'}: ${name}`, async () => {
        const [whole, cut] = [await sft({}, train), await sft(changes, train)];
        assertClose([cut.loss], [whole.loss], 1e-5, 'loss');
        assertClose([cut.norm], [whole.norm], 1e-5, 'norm');
        assertClose(cut.gradient, whole.gradient, 1e-5, 'gradient');
      });
    }
  }

  it('sft: the loss is the mean over the tokens of the whole batch, not a mean of rows', async () => {
    const sequences = randomSequences(8);
    const config = v.parse(sftConfig, { ...free, batchSize: 1, learningRate: 1e-30, epochs: 1 });
    const rows = await Promise.all(
      sequences.map(async (sequence) => {
        const stage = sftStage(model, [sequence], config, { seed: 3 });
        const [{ loss }] = stepMetrics(await runStage(stage, stage.start(), { until: 1 }));
        return { loss, tokens: sequence.response.length };
      }),
    );
    const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
    const mean = rows.reduce((sum, row) => sum + row.loss * row.tokens, 0) / tokens;
    assertClose([(await sft({})).loss], [mean], 1e-5);
  });

  async function reward(changes: Record<string, unknown>) {
    const config = v.parse(rewardConfig, { ...free, microBatchTokens: 4096, heldOut: 0, ...changes });
    const stage = rewardStage(model, randomPairs(8), config, { seed: 3, from: tinyAdapter(model.base) });
    const state = stage.start();
    // A head of zeros gives the adapter no gradient.
    state.learner.parameters.fill(0.1, -model.config.width);
    const [metrics] = stepMetrics(await runStage(stage, state, { until: 1 }));
    return { metrics, gradient: state.learner.first };
  }

  for (const [name, changes] of Object.entries(cuts)) {
    it(`reward: ${name.replaceAll('row', 'pair')}`, async () => {
      const [whole, cut] = [await reward({}), await reward(changes)];
      for (const key of ['loss', 'accuracy', 'margin', 'mean_reward', 'grad_norm']) {
        assert.ok(Math.abs(cut.metrics[key] - whole.metrics[key]) <= 1e-5 * Math.max(1, whole.metrics[key]), key);
      }
      assertClose(cut.gradient, whole.gradient, 1e-5, 'gradient');
    });
  }

  async function ppo(changes: Record<string, unknown>) {
    const config = v.parse(ppoConfig, {
      maxGradientNorm: 1e9,
      microBatchTokens: 4096,
      iterations: 1,
      rolloutBatch: 8,
      policyEpochs: 1,
      maxNewTokens: 20,
      temperature: 0.7,
      entropyCoefficient: 0.01,
      ...changes,
    });
    const prompts = randomSequences(8).map(({ prompt }) => prompt);
    const [sftAdapter, rewardAdapter] = [
      tinyAdapter(model.base),
      tinyAdapter(model.base, { seed: 9, task: 'SEQ_CLS' }),
    ];
    const stage = ppoStage(model, { prompts, sft: sftAdapter, reward: rewardAdapter }, config, { seed: 3 });
    const state = stage.start();
    const [policy, critic] = stepMetrics(await runStage(stage, state));
    return { policy, critic, gradients: { policy: state.policy.first, critic: state.critic.first } };
  }

  for (const [name, changes] of Object.entries(cuts)) {
    it(`ppo: ${name.replaceAll('row', 'response')}`, async () => {
      const [whole, cut] = [await ppo({}), await ppo(changes)];
      for (const key of ['loss/policy_avg', 'policy/entropy_avg', 'policy/grad_norm'] as const) {
        assert.ok(Math.abs(cut.policy[key] - whole.policy[key]) <= 1e-5 * Math.max(1, whole.policy[key]), key);
      }
      assertClose([cut.critic['loss/value_avg']], [whole.critic['loss/value_avg']], 1e-5, 'value loss');
      assertClose(cut.gradients.policy, whole.gradients.policy, 1e-5, 'policy gradient');
      assertClose(cut.gradients.critic, whole.gradients.critic, 1e-5, 'critic gradient');
    });
  }

  it('clips what has accumulated, once: a limit below the norm gives the gradient that length', async () => {
    const whole = await sft({});
    for (const microBatchTokens of [4096, 64]) {
      const { gradient, norm } = await sft({ microBatchTokens, maxGradientNorm: whole.norm / 10 });
      assertClose([norm], [whole.norm], 1e-5, 'norm before clipping');
      assertClose(
        gradient,
        whole.gradient.map((value) => value / 10),
        1e-5,
        'clipped gradient',
      );
    }
  });
});
