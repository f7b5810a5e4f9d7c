import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { StageEvent } from '../../server/engine/stages/stage.ts';
import { UserError } from '../../server/errors.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { runStage } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

describe('a gradient that is not finite', () => {
  const model = new Model(tinyModel());
  after(() => model.release());
  const sft = (changes: Record<string, unknown> = {}) => {
    const config = v.parse(sftConfig, { rank: 2, batchSize: 2, schedule: 'constant', ...changes });
    const stage = sftStage(model, randomSequences(16), config, { seed: 1 });
    return { stage, state: stage.start() };
  };

  /** One parameter that poisons every gradient. */
  const poisons = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY };

  for (const [name, poison] of Object.entries(poisons)) {
    it(`(${name}) skips the step, halves the learning rate, and says so`, async () => {
      const { stage, state } = sft();
      state.learner.parameters[3] = poison;
      const kept = state.learner.parameters.slice();
      const events = await runStage(stage, state, { until: 2 });
      assert.deepEqual(state.learner.parameters, kept);
      assert.ok(
        state.learner.first.every((value) => value === 0) && state.learner.second.every((value) => value === 0),
      );
      assert.deepEqual(
        { updates: state.learner.updates, scale: state.learner.learningRateScale, skipped: state.learner.skipped },
        { updates: 0, scale: 1 / 4, skipped: 2 },
      );
      assert.equal(state.step, 2);
      const [notice] = events.filter((event) => event.kind === 'notice');
      assert.match(notice.message, /not finite .* skipped and the learning rate halved \(1 of 5\)/);
    });
  }

  it('once, leaves nothing behind but the smaller learning rate', async () => {
    const { stage, state } = sft();
    const good = state.learner.parameters[3];
    state.learner.parameters[3] = Number.NaN;
    await runStage(stage, state, { until: 1 });
    state.learner.parameters[3] = good;
    const before = state.learner.parameters.slice();
    await runStage(stage, state, { until: 2 });
    // Adam's first step moves every parameter with a gradient by the learning rate.
    const moved = Math.max(...state.learner.parameters.map((value, k) => Math.abs(value - before[k])));
    assert.ok(Math.abs(moved - 1e-4) < 1e-6, `moved by ${moved}`);
    assert.equal(state.learner.updates, 1);
  });

  it('five times, stops the run with what to do', async () => {
    const { stage, state } = sft();
    state.learner.parameters[3] = Number.NaN;
    const events: StageEvent[] = [];
    await assert.rejects(
      async () => {
        for await (const event of stage.run(state)) events.push(event);
      },
      (error) => error instanceof UserError && /the 5th time.*Lower learningRate/.test(error.message),
    );
    assert.equal(events.filter((event) => event.kind === 'notice').length, 4);
    assert.equal(events.filter((event) => event.kind === 'step').length, 4);
  });

  it('in the reward model and in PPO, of policy and critic alike', async () => {
    const reward = rewardStage(model, randomPairs(8), v.parse(rewardConfig, { rank: 2, heldOut: 0 }), { seed: 1 });
    const state = reward.start();
    state.learner.parameters[0] = Number.NaN;
    await runStage(reward, state, { until: 1 });
    assert.equal(state.learner.skipped, 1);

    const config = v.parse(ppoConfig, { iterations: 1, rolloutBatch: 4, maxNewTokens: 4 });
    const judge = async function* (responses: readonly unknown[]) {
      yield { done: 0, total: 1 };
      return responses.map((_, k) => (k === 0 ? Number.NaN : k));
    };
    const prompts = randomSequences(4).map(({ prompt }) => prompt);
    const ppo = ppoStage(
      model,
      { prompts, sft: tinyAdapter(model.base), reward: judge },
      { ...config, critic: 'zero' },
      { seed: 1 },
    );
    const ppoState = ppo.start();
    const kept = ppoState.policy.parameters.slice();
    const events = await runStage(ppo, ppoState);
    assert.deepEqual(ppoState.policy.parameters, kept);
    assert.ok(ppoState.policy.skipped > 0 && ppoState.critic.skipped > 0);
    assert.equal(
      events.filter((event) => event.kind === 'notice').length,
      ppoState.policy.skipped + ppoState.critic.skipped,
    );
  });
});
