import assert from 'node:assert/strict';
import {
  adaptedKlCoefficient,
  generalisedAdvantages,
  klEstimate1,
  klEstimate3,
  tokenRewards,
  whiten,
} from '../../../../server/engine/stages/advantages.ts';
import { stepRows } from '../../../../server/engine/stages/common.ts';
import { finishRollout, normaliserOf, promptRows, rolloutRows } from '../../../../server/engine/stages/rollout.ts';
import { assertClose } from '../../../support/close.ts';

describe('advantages', () => {
  const rewards = [0.1, -0.3, 0.2, 1.5];
  const values = [0.4, 0.2, -0.1, 0.9];

  for (const [gamma, lambda] of [
    [1, 1],
    [1, 0.95],
    [0.9, 0.5],
    [0.9, 0],
  ]) {
    it(`are Σ (γλ)ᵏ δₜ₊ₖ, the sum written out, γ ${gamma} λ ${lambda}`, () => {
      const delta = rewards.map((reward, t) => reward + gamma * (values[t + 1] ?? 0) - values[t]);
      const expected = delta.map((_, t) =>
        delta.slice(t).reduce((sum, value, k) => sum + (gamma * lambda) ** k * value, 0),
      );
      const { advantages, returns } = generalisedAdvantages(rewards, values, { gamma, lambda });
      assertClose(advantages, expected, 1e-6);
      assertClose(
        returns,
        expected.map((advantage, t) => advantage + values[t]),
        1e-6,
      );
    });
  }

  it('whiten to mean 0 and deviation 1 over all lists, or keep the mean', () => {
    const lists = () => [Float32Array.of(1, 2, 3), Float32Array.of(10), Float32Array.of(-4, 6)];
    const all = lists().flatMap((list) => [...list]);
    const mean = 3;
    const deviation = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5);
    const [moved, kept] = [lists(), lists()];
    whiten(moved);
    whiten(kept, { keepMean: true });
    const expected = all.map((value) => (value - mean) / deviation);
    assertClose(
      moved.flatMap((list) => [...list]),
      expected,
      1e-6,
    );
    assertClose(
      kept.flatMap((list) => [...list]),
      expected.map((value) => value + mean),
      1e-6,
    );
  });

  it('whiten leaves one value alone, and makes equal ones 0', () => {
    const [single, equal] = [Float32Array.of(7), Float32Array.of(2, 2, 2)];
    whiten([single]);
    whiten([equal]);
    assert.deepEqual([...single, ...equal], [7, 0, 0, 0]);
  });
});

describe('KL divergence', () => {
  const [p, q] = [
    [0.5, 0.3, 0.2],
    [0.2, 0.3, 0.5],
  ];
  const exact = p.reduce((sum, value, k) => sum + value * Math.log(value / q[k]), 0);

  it('k1 and k3 are unbiased: their means under the policy are the divergence', () => {
    for (const estimate of [klEstimate1, klEstimate3]) {
      const mean = p.reduce((sum, value, k) => sum + value * estimate([Math.log(value)], [Math.log(q[k])]), 0);
      assertClose([mean], [exact], 1e-9);
    }
  });

  it('k1 may be negative, k3 never', () => {
    assert.ok(klEstimate1([-2], [-1]) < 0);
    assert.ok(klEstimate3([-2], [-1]) > 0);
    assert.equal(klEstimate3([-2, -1], [-2, -1]), 0);
  });

  it('both sum over the tokens of a response', () => {
    assertClose([klEstimate1([-1, -2, -3], [-1.5, -1.8, -3])], [0.3], 1e-9);
  });

  it('costs β a nat, token by token, and the score comes on top at the end', () => {
    assertClose(tokenRewards([-1, -2], [-1.5, -1], 3, 0.1), [-0.05, 3.1], 1e-6);
  });

  it('moves its coefficient by at most 20 % of responses / horizon', () => {
    const control = { target: 4, horizon: 100, responses: 50 };
    const after = [0, 3.6, 4, 4.4, 40].map((kl) => adaptedKlCoefficient(0.1, kl, control));
    assertClose(after, [0.09, 0.095, 0.1, 0.105, 0.11], 1e-9);
  });
});

describe('the rewards of a rollout', () => {
  const responses = [
    { prompt: [1], response: [2, 3], finished: true, samplerLogps: [-1, -2 - Math.log(1.5)] },
    { prompt: [1, 4], response: [5], finished: false, samplerLogps: [-3 - Math.log(9)] },
  ];
  const judged = {
    oldLogps: [Float32Array.of(-1, -2), Float32Array.of(-3)],
    refLogps: [Float32Array.of(-1.5, -1), Float32Array.of(-3)],
    values: [new Float32Array(2), new Float32Array(1)],
    scores: [],
  };
  const options = { klCoefficient: 0.1, gamma: 1, lambda: 0, whitenRewards: false, whitenAdvantages: false };
  // Values of 0 and λ = 0: an advantage is the reward of its token.
  const plain = [-0.05, 3.1, -2];

  it('lie flat, response after response, and are read back as rows', () => {
    const rollout = finishRollout(responses, judged, [3, -2], options);
    assertClose(rollout.advantages, plain, 1e-6);
    const rows = rolloutRows(rollout);
    assert.deepEqual(
      rows.map(({ prompt, response }) => ({ prompt, response })),
      responses.map(({ prompt, response }) => ({ prompt, response })),
    );
    assert.deepEqual([...rows[1].oldLogps, ...rows[0].oldLogps], [-3, -1, -2]);
  });

  it('whitened where asked: all tokens together, their mean kept', () => {
    const { advantages } = finishRollout(responses, judged, [3, -2], { ...options, whitenRewards: true });
    const mean = (3.1 - 0.05 - 2) / 3;
    const deviation = Math.sqrt(plain.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
    assertClose(
      advantages,
      plain.map((value) => (value - mean) / deviation + mean),
      1e-5,
    );
  });

  it('weigh min(cap, π / μ) a token where the sampler was another, and the figures of the weights are told', () => {
    const { advantages, metrics } = finishRollout(responses, judged, [3, -2], { ...options, importanceCap: 2 });
    assertClose(advantages, [plain[0], 1.5 * plain[1], 2 * plain[2]], 1e-5);
    const ratio = (figure: string) => metrics[`sampling/importance_sampling_ratio/${figure}`];
    assertClose(['min', 'mean', 'max', 'capped'].map(ratio), [1, 1.5, 2, 1 / 3], 1e-6);
    const difference = (figure: string) => metrics[`sampling/sampling_logp_difference/${figure}`];
    assertClose(['mean', 'max'].map(difference), [Math.log(1.5 * 9) / 3, Math.log(9)], 1e-6);
    const uncorrected = finishRollout(responses, judged, [3, -2], options);
    assert.ok(!Object.keys(uncorrected.metrics).some((name) => name.startsWith('sampling/')));
  });

  it('are told: mean KL of a response, its price, entropy, ends', () => {
    const { metrics } = finishRollout(responses, judged, [3, -2], options);
    const named = [
      'objective/kl',
      'objective/non_score_reward',
      'objective/entropy',
      'objective/scores',
      'objective/rlhf_reward',
    ];
    assertClose(
      named.map((name) => metrics[name]),
      [-0.25, 0.025, 3, 0.5, 0.525],
      1e-6,
    );
    assert.deepEqual([metrics['val/num_eos_tokens'], metrics['response/length']], [1, 1.5]);
  });
});

describe('which rows a step uses', () => {
  it('every row once an epoch, in an order of its own', () => {
    const epoch = (number: number) => [0, 1, 2, 3].flatMap((step) => stepRows(10, 3, 4 * number + step, 7));
    assert.deepEqual(
      [0, 1, 2, 3].map((step) => stepRows(10, 3, step, 7).length),
      [3, 3, 3, 1],
    );
    const sorted = (rows: number[]) => rows.toSorted((a, b) => a - b);
    assert.deepEqual(sorted(epoch(0)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(sorted(epoch(1)), sorted(epoch(0)));
    assert.notDeepEqual(epoch(1), epoch(0));
    assert.notDeepEqual(stepRows(10, 3, 0, 8), stepRows(10, 3, 0, 7));
  });

  it('every prompt once before any comes again, across iterations', () => {
    const seen = [0, 1, 2].flatMap((iteration) => promptRows(6, 4, iteration, 3));
    assert.equal(new Set(seen.slice(0, 6)).size, 6);
    assert.equal(new Set(seen.slice(6, 12)).size, 6);
  });
});

describe('the normaliser of rewards', () => {
  it('gives mean 0 and deviation 1, and leaves equal rewards their unit', () => {
    const { gain, bias } = normaliserOf([1, 3, 5, 7]);
    assertClose(
      [1, 3, 5, 7].map((reward) => gain * reward + bias),
      [-3, -1, 1, 3].map((value) => value / Math.sqrt(5)),
      1e-9,
    );
    assert.deepEqual(normaliserOf([4, 4]), { gain: 1, bias: -4 });
  });
});
