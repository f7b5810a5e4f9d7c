import assert from 'node:assert/strict';
import * as v from 'valibot';
import { generate } from '../../server/engine/generation/generate.ts';
import { truncatedImportance } from '../../server/engine/losses/importance.ts';
import { activate, Model } from '../../server/engine/model.ts';
import { responseLogps } from '../../server/engine/scoring.ts';
import { ppoConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import type { RewardFunction } from '../../server/engine/stages/rollout.ts';
import { randomSequences } from '../support/sequences.ts';
import { resultOf, runStage } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// Responses sampled with the base as bytes, learnt from with truncated importance weights.

describe('rollouts of another precision', () => {
  const model = new Model(tinyModel());
  const sft = tinyAdapter(model.base);
  const prompts = randomSequences(16).map(({ prompt }) => prompt);
  after(() => model.release());

  const sample = (precision: 'float32' | 'int8-base') => {
    const options = { sampling: { temperature: 1 }, maxNewTokens: 12, stopIds: [], seed: 3, precision };
    return resultOf(generate(model, activate(sft), prompts, options));
  };

  async function weightsOf(precision: 'float32' | 'int8-base'): Promise<Float32Array[]> {
    const answers = await sample(precision);
    const sequences = answers.map(({ ids }, k) => ({ prompt: prompts[k], response: ids }));
    const trained = await resultOf(responseLogps(model, activate(sft), sequences, 1));
    return answers.map(({ logps }, k) => truncatedImportance(trained[k], logps, 2));
  }

  it('in float32 the sampler is the training graph up to rounding: every weight is 1', async () => {
    for (const row of await weightsOf('float32')) {
      for (const weight of row) assert.ok(Math.abs(weight - 1) < 1e-4, `a weight of ${weight}`);
    }
  });

  it('as bytes it is another, though near', async () => {
    const weights = (await weightsOf('int8-base')).flatMap((row) => [...row]);
    const furthest = Math.max(...weights.map((weight) => Math.abs(weight - 1)));
    assert.ok(furthest > 1e-3 && furthest < 0.5, `the weight furthest from 1 is ${furthest} away`);
  });

  it('an answer is the same alone and in company', async () => {
    const together = await sample('int8-base');
    const options = { sampling: { temperature: 1 }, maxNewTokens: 12, stopIds: [], seed: 3 };
    for (const k of [0, 7]) {
      const alone = { ...options, precision: 'int8-base' as const, firstAnswer: k };
      const [answer] = await resultOf(generate(model, activate(sft), [prompts[k]], alone));
      assert.deepEqual(answer, together[k]);
    }
  });

  it('PPO learns from them as from float32', async function () {
    this.timeout(120_000);
    const judge: RewardFunction = async function* (responses) {
      yield { done: responses.length, total: responses.length };
      return responses.map(({ response }) => response.filter((id) => id % 2 === 0).length / response.length);
    };
    const scoresWith = async (changes: Record<string, unknown>) => {
      const settings = { iterations: 8, rolloutBatch: 32, maxNewTokens: 8, learningRate: 2e-2, klCoefficient: 0 };
      const config = v.parse(ppoConfig, { ...settings, critic: 'zero', normaliseRewards: false, ...changes });
      const stage = ppoStage(model, { prompts, sft, reward: judge }, config, { seed: 4 });
      const events = await runStage(stage, stage.start());
      return events.flatMap((event) => (event.kind === 'metrics' ? [event.metrics] : []));
    };
    const [plain, bytes] = [await scoresWith({}), await scoresWith({ rolloutPrecision: 'int8-base' })];
    for (const metrics of [plain, bytes]) {
      const gained = metrics[7]['objective/scores'] - metrics[0]['objective/scores'];
      assert.ok(gained > 0.1, `the score rose by ${gained} from ${metrics[0]['objective/scores']}`);
    }
    assert.ok(Math.abs(plain[7]['objective/scores'] - bytes[7]['objective/scores']) < 0.15);
    assert.ok(!('sampling/importance_sampling_ratio/mean' in plain[0]));
    assert.ok(Math.abs(bytes[0]['sampling/importance_sampling_ratio/mean'] - 1) < 0.05);
    assert.ok(bytes[0]['sampling/importance_sampling_ratio/max'] <= 2);
    // Before the first update the ratio to oldLogps, which are the training graph's, is 1 all the same.
    assert.ok(Math.abs(bytes[0]['val/ratio'] - 1) < 0.2);
  });
});
