import assert from 'node:assert/strict';
import * as v from 'valibot';
import { activate, Model } from '../../server/engine/model.ts';
import { responseLogps } from '../../server/engine/scoring.ts';
import { ppoConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { type RewardFunction, rolloutRows, type Sampled } from '../../server/engine/stages/rollout.ts';
import type { StageEvent } from '../../server/engine/stages/stage.ts';
import { assertClose } from '../support/close.ts';
import { randomSequences } from '../support/sequences.ts';
import { resultOf, runStage, stepMetrics } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

describe('the PPO stage', () => {
  const model = new Model(tinyModel());
  const sft = tinyAdapter(model.base);
  const rewardAdapter = tinyAdapter(model.base, { seed: 9, task: 'SEQ_CLS' });
  after(() => model.release());

  function open(changes: Record<string, unknown> = {}, reward: typeof rewardAdapter | RewardFunction = rewardAdapter) {
    const prompts = randomSequences(10).map(({ prompt }) => prompt);
    const settings = { iterations: 2, rolloutBatch: 8, batchSize: 4, maxNewTokens: 8, ...changes };
    const stage = ppoStage(model, { prompts, sft, reward }, v.parse(ppoConfig, settings), { seed: 4 });
    return { stage, state: stage.start(), prompts };
  }
  const iterationsOf = (events: readonly StageEvent[]) =>
    events.flatMap((event) => (event.kind === 'metrics' ? [event.metrics] : []));
  const byFunction = (judge: (response: Sampled) => number): RewardFunction =>
    async function* (responses) {
      yield { done: responses.length, total: responses.length };
      return responses.map(judge);
    };
  const plain = { critic: 'zero', normaliseRewards: false, klCoefficient: 0 };

  it('goes through all prompts before any comes again', async () => {
    const seen: string[] = [];
    const judge: RewardFunction = async function* (responses) {
      yield { done: 0, total: 1 };
      seen.push(...responses.map(({ prompt }) => prompt.join()));
      return responses.map((_, k) => k);
    };
    const { stage, state } = open({ ...plain, iterations: 5 }, judge);
    await runStage(stage, state);
    assert.equal(seen.length, 40);
    for (let pass = 0; pass < 4; pass++) assert.equal(new Set(seen.slice(pass * 10, pass * 10 + 10)).size, 10);
    assert.notDeepEqual(seen.slice(0, 10), seen.slice(10, 20));
  });

  it('compares with what the policy started from, not with the bare base', async () => {
    const { stage, state } = open({ learningRate: 0.003 });
    const [first, second] = iterationsOf(await runStage(stage, state));
    assert.ok(Math.abs(first['objective/kl']) < 1e-5 && first['objective/kl_k3'] < 1e-9);
    const rows = rolloutRows(state.rollout!);
    const reference = await resultOf(responseLogps(model, activate(sft), rows));
    const kl = rows.map(({ oldLogps }, k) => oldLogps.reduce((sum, logp, t) => sum + logp - reference[k][t], 0));
    assertClose([second['objective/kl']], [kl.reduce((a, b) => a + b) / kl.length], 1e-4);
    assert.ok(Math.abs(second['objective/kl']) > 1e-3);
  });

  it('adapts the coefficient of KL towards the target, at most 20 % of responses / horizon at a time', async () => {
    const { stage, state } = open({
      klTarget: 5,
      klHorizon: 16,
      klCoefficient: 0.1,
      iterations: 3,
      learningRate: 1e-5,
    });
    const coefficients = iterationsOf(await runStage(stage, state)).map(
      (metrics) => metrics['objective/kl_coefficient'],
    );
    // Hardly any KL: 1 − 0.2 · 8 / 16 each time.
    assertClose(coefficients, [0.1, 0.09, 0.081], 1e-6);
    const fixed = open({ klCoefficient: 0.1, learningRate: 1e-5 });
    const same = iterationsOf(await runStage(fixed.stage, fixed.state)).map((m) => m['objective/kl_coefficient']);
    assert.deepEqual(same, [0.1, 0.1]);
  });

  it('takes the penalty from responses that were cut, none by default', async () => {
    const rewardsWith = async (missingEosPenalty?: number) => {
      const changes = { ...plain, whitenAdvantages: false, lambda: 1, maxNewTokens: 16, missingEosPenalty };
      const { stage, state } = open(
        changes,
        byFunction(() => 1),
      );
      await runStage(stage, state, { until: 1 });
      return rolloutRows(state.rollout!).map(({ response, returns }) => ({
        end: response.at(-1),
        reward: returns.at(-1),
      }));
    };
    const penalised = await rewardsWith(0.75);
    assert.ok(penalised.some(({ end }) => end === 0) && penalised.some(({ end }) => end !== 0));
    for (const { end, reward } of penalised) assert.equal(reward, end === 0 ? 1 : 0.25);
    assert.ok((await rewardsWith()).every(({ reward }) => reward === 1));
  });

  it('a blank response earns at most blankReward from a reward model, and what a function says from a function', async () => {
    const earned = async (changes: Record<string, unknown>, judge?: RewardFunction) => {
      const given = { ...plain, critic: judge ? 'zero' : 'reward', whitenAdvantages: false, lambda: 1, ...changes };
      const { stage, state } = open({ ...given, rolloutBatch: 32, maxNewTokens: 3, temperature: 3 }, judge);
      await runStage(stage, state, { until: 1 });
      const rows = rolloutRows(state.rollout!).map(({ response, returns }) => ({ response, reward: returns.at(-1)! }));
      const isBlank = ({ response }: { response: readonly number[] }) => response[0] === 0;
      assert.ok(rows.some(isBlank) && !rows.every(isBlank));
      return { blank: rows.filter(isBlank), others: rows.filter((row) => !isBlank(row)) };
    };
    const { blank, others } = await earned({ blankReward: -50 });
    assert.ok(blank.every(({ reward }) => reward === -50) && others.every(({ reward }) => reward > -50));
    const lenient = await earned({ blankReward: 50 });
    assert.ok(lenient.blank.every(({ reward }) => Math.abs(reward) < 50));
    const byWord = await earned(
      { blankReward: -50 },
      byFunction(() => 1),
    );
    assert.ok(byWord.blank.every(({ reward }) => reward === 1));
  });

  it('ends the policy updates of an iteration when the KL is too large, and goes on with the critic', async () => {
    const { stage, state } = open({ learningRate: 0.05, maxApproximateKl: 0.01, policyEpochs: 4 });
    const events = await runStage(stage, state);
    const steps = stepMetrics(events);
    const policySteps = steps.filter((step) => 'policy/approxkl_avg' in step).length;
    assert.ok(policySteps < 16 && policySteps >= 4, `${policySteps} policy updates`);
    assert.equal(steps.filter((step) => 'loss/value_avg' in step).length, 4);
    const notices = events.filter((event) => event.kind === 'notice');
    assert.equal(notices.length, 2);
    assert.match(notices[0].message, /Policy updates of iteration 1 end \d+ steps early: .* the limit 0.01/);
  });

  it('rewards entropy where asked: the policy is less sure after the same step', async () => {
    const entropyAfter = async (entropyCoefficient: number) => {
      const changes = { ...plain, entropyCoefficient, rolloutBatch: 8, batchSize: 8, policyEpochs: 6, iterations: 1 };
      const { stage, state } = open(
        { ...changes, learningRate: 0.003 },
        byFunction(() => 0),
      );
      const steps = stepMetrics(await runStage(stage, state)).filter((step) => 'policy/approxkl_avg' in step);
      return steps.map((step) => step['policy/entropy_avg']);
    };
    const rising = await entropyAfter(1);
    assert.ok(rising.at(-1)! > rising[0] + 0.05, rising.join());
    assert.ok(
      (await entropyAfter(0)).every((value) => value === undefined),
      'not computed where it is not used',
    );
  });

  it('whitens over all tokens of the iteration: advantages to mean 0 and deviation 1', async () => {
    const advantagesWith = async (changes: Record<string, unknown>) => {
      const { stage, state } = open(changes);
      await runStage(stage, state, { until: 1 });
      return state.rollout!.advantages;
    };
    const raw = await advantagesWith({ whitenAdvantages: false });
    const mean = raw.reduce((a, b) => a + b) / raw.length;
    const deviation = Math.sqrt(raw.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (raw.length - 1));
    assertClose(
      await advantagesWith({}),
      raw.map((value) => (value - mean) / deviation),
      1e-4,
    );
  });

  it('learns from rewards that belong to the responses; shuffled ones lead nowhere', async () => {
    const scoresWith = async (permuteRewards: boolean) => {
      const changes = { ...plain, permuteRewards, iterations: 12, rolloutBatch: 32, batchSize: 32, maxNewTokens: 3 };
      const judge = byFunction(({ response }) => response.filter((id) => id > 32).length / response.length);
      const { stage, state } = open({ ...changes, learningRate: 0.02, policyEpochs: 4 }, judge);
      const scores = iterationsOf(await runStage(stage, state)).map((metrics) => metrics['objective/scores']);
      return { first: scores[0], last: (scores[10] + scores[11]) / 2 };
    };
    const [learnt, control] = [await scoresWith(false), await scoresWith(true)];
    assert.ok(learnt.last > learnt.first + 0.2, JSON.stringify(learnt));
    assert.ok(control.last < control.first + 0.1, JSON.stringify(control));
    assertClose([control.first], [learnt.first], 1e-9);
  }).timeout(60_000);

  it('counts responses, and tells what the steps took on average', async () => {
    const { stage, state } = open();
    const events = await runStage(stage, state);
    const [first, second] = iterationsOf(events);
    assert.deepEqual([first.episode, second.episode], [8, 16]);
    const steps = stepMetrics(events).slice(0, 6);
    const mean = (name: string) => {
      const values = steps.flatMap((step) => (name in step ? [step[name]] : []));
      return values.reduce((a, b) => a + b) / values.length;
    };
    for (const name of [
      'loss/policy_avg',
      'policy/approxkl_avg',
      'policy/clipfrac_avg',
      'val/ratio',
      'loss/value_avg',
    ]) {
      assertClose([first[name]], [mean(name)], 1e-6, name);
    }
    assert.equal(steps.filter((step) => 'loss/value_avg' in step).length, 2);
    assertClose(
      [first['objective/rlhf_reward']],
      [first['objective/scores'] + first['objective/non_score_reward']],
      1e-6,
    );
  });
});
