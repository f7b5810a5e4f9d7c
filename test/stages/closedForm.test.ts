import assert from 'node:assert/strict';
import * as v from 'valibot';
import { activate, Model } from '../../server/engine/model.ts';
import { permutation } from '../../server/engine/random.ts';
import { responseLogps } from '../../server/engine/scoring.ts';
import { klEstimate1, klEstimate3 } from '../../server/engine/stages/advantages.ts';
import { ppoConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import { resultOf, runStage } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// The policy that maximises E[r] − β KL(π ‖ π_ref) is p ∝ p_ref · exp(r / β) (Ziegler et al. 2019, section 2.1). Where
// all answers can be enumerated its probabilities are known, and PPO must find them.

const vocabulary = 5;
const prompt = [3, 1];

/** Every answer of that many tokens; none ends early, because no token is an end token. */
function answers(length: number): number[][] {
  if (length === 0) return [[]];
  return answers(length - 1).flatMap((start) => Array.from({ length: vocabulary }, (_, token) => [...start, token]));
}

/** Even steps from −1.5 to 1.5, in random order. */
function randomRewards(count: number, seed: number): number[] {
  const order = permutation(count, { seed, purpose: 'permute', step: 0 });
  return Array.from(order, (place) => 1.5 * ((2 * place) / (count - 1) - 1));
}

async function probabilities(model: Model, adapter: Adapter, all: readonly (readonly number[])[]): Promise<number[]> {
  const sequences = all.map((response) => ({ prompt, response }));
  const logps = await resultOf(responseLogps(model, activate(adapter), sequences));
  return logps.map((row) => Math.exp(row.reduce((sum, logp) => sum + logp, 0)));
}

/** KL(p ‖ q), nats. */
function divergence(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, value, k) => sum + value * Math.log(value / q[k]), 0);
}

function bestPolicy(reference: readonly number[], rewards: readonly number[], klCoefficient: number): number[] {
  const weights = reference.map((p, k) => p * Math.exp(rewards[k] / klCoefficient));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

/** Advantages vanish at the optimum, and with them the noise: nothing is whitened, the rewards keep their unit. */
const exact = {
  normaliseRewards: false,
  whitenAdvantages: false,
  gamma: 1,
  lambda: 1,
  critic: 'zero',
  valueClipRange: 10,
  schedule: 'linear',
  rolloutBatch: 128,
  batchSize: 64,
  policyEpochs: 2,
  criticEpochs: 2,
  valueHeadLearningRate: 0.05,
};

describe('PPO on tasks whose best policy is known', () => {
  const tasks = [
    { tokens: 1, klCoefficient: 0.5, iterations: 30, learningRate: 0.006, microBatchTokens: 256 },
    { tokens: 2, klCoefficient: 0.75, iterations: 40, learningRate: 0.008, microBatchTokens: 512 },
  ];
  for (const { tokens, ...settings } of tasks) {
    const { klCoefficient } = settings;
    const config = v.parse(ppoConfig, { ...exact, ...settings, maxNewTokens: tokens });
    for (const seed of [1, 2, 3]) {
      it(`reaches p ∝ p_ref · exp(r / β) within KL 0.01, ${tokens} token(s), seed ${seed}`, async function () {
        this.timeout(120_000);
        const model = new Model(tinyModel({ seed, config: { vocabulary, layers: 1 }, endIds: [] }));
        const all = answers(tokens);
        const rewards = randomRewards(all.length, seed);
        const rewardOf = new Map(all.map((answer, k) => [answer.join(), rewards[k]]));
        const sft = tinyAdapter(model.base, { seed: seed + 10 });
        const reward = async function* (responses: readonly { response: readonly number[] }[]) {
          yield { done: 0, total: 1 };
          return responses.map(({ response }) => rewardOf.get(response.join())!);
        };
        const stage = ppoStage(model, { prompts: [prompt], sft, reward }, config, { seed });
        const reference = await probabilities(model, sft, all);
        const best = bestPolicy(reference, rewards, klCoefficient);
        assert.ok(divergence(reference, best) > 0.3, 'the reference is far from the best policy');
        const state = stage.start();
        await runStage(stage, state);
        const reached = await probabilities(model, stage.adapter(state), all);
        const [there, back] = [divergence(reached, best), divergence(best, reached)];
        assert.ok(there < 0.01 && back < 0.01, `KL ${there} and ${back}`);
        await model.release();
      });
    }
  }
});

describe('the estimate of KL in the reward', () => {
  const reference = [0.5, 0.25, 0.15, 0.07, 0.03];
  const rewards = [-1, 0.5, 0, 1.5, 1];
  const klCoefficient = 0.5;

  /** Gradient ascent by exact expected gradients Σ p·(A − E[A]), the reward held constant, as in PPO. */
  function optimum(estimate: (logp: number, refLogp: number) => number): number[] {
    let logps = reference.map(Math.log);
    // A token whose probability has collapsed does not come back.
    for (let step = 0; step < 20_000 && Math.min(...logps) > -30; step++) {
      const p = logps.map(Math.exp);
      const total = logps.map((logp, k) => rewards[k] - klCoefficient * estimate(logp, Math.log(reference[k])));
      const mean = total.reduce((sum, value, k) => sum + p[k] * value, 0);
      const moved = logps.map((logp, k) => logp + 0.1 * p[k] * (total[k] - mean));
      const normaliser = Math.log(moved.reduce((sum, logit) => sum + Math.exp(logit), 0));
      logps = moved.map((logit) => logit - normaliser);
    }
    return logps.map(Math.exp);
  }

  const best = bestPolicy(reference, rewards, klCoefficient);

  it('k1 leads to the best policy', () => {
    assert.ok(
      divergence(
        optimum((logp, refLogp) => klEstimate1([logp], [refLogp])),
        best,
      ) < 1e-6,
    );
  });

  it('k2 and k3 do not: they may be watched or made a loss, never a reward', () => {
    const k2 = optimum((logp, refLogp) => (logp - refLogp) ** 2 / 2);
    const k3 = optimum((logp, refLogp) => klEstimate3([logp], [refLogp]));
    assert.ok(divergence(k2, best) > 0.1, `k2: ${divergence(k2, best)}`);
    assert.ok(divergence(k3, best) > 0.1, `k3: ${divergence(k3, best)}`);
  });
});
