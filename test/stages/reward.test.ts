import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as v from 'valibot';
import { activate, Model } from '../../server/engine/model.ts';
import { lastScores } from '../../server/engine/scoring.ts';
import type { Sequence } from '../../server/engine/sequences.ts';
import { rewardConfig } from '../../server/engine/stages/config.ts';
import { type Pair, rewardStage, splitByPrompt } from '../../server/engine/stages/reward.ts';
import { checkAdapter, REWARD_BIAS_KEY, readAdapter, writeAdapter } from '../../server/engine/weights/adapters.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import { assertClose } from '../support/close.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { resultOf, runStage, stepMetrics } from '../support/stages.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

describe('the reward stage', () => {
  const folder = temporaryFolder();
  const model = new Model(tinyModel());
  after(() => model.release());
  const small = { rank: 4, batchSize: 4, heldOut: 0 };
  const bothOf = (pairs: readonly Pair[]) => pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);

  async function rewardsOf(adapter: Adapter, sequences: readonly Sequence[]): Promise<number[]> {
    const scores = await resultOf(lastScores(model, activate(adapter), sequences));
    return Array.from(scores, (score) => score + Number(adapter.metadata[REWARD_BIAS_KEY]));
  }

  async function trained(pairs: readonly Pair[], changes: Record<string, unknown> = {}, from?: Adapter) {
    const stage = rewardStage(model, pairs, v.parse(rewardConfig, { ...small, ...changes }), { seed: 2, from });
    const state = stage.start();
    const events = await runStage(stage, state);
    return { stage, state, events, adapter: stage.adapter(state) };
  }

  it('a finished reward model scores the same before it is saved and after it is loaded', async () => {
    const { state, adapter } = await trained(randomPairs(12), {}, tinyAdapter(model.base));
    assert.ok(state.gain !== 1 && state.bias !== 0);
    const sequences = randomSequences(9, { seed: 77 });
    const before = await rewardsOf(adapter, sequences);
    const path = join(folder.path, 'reward');
    writeAdapter(path, adapter, { baseModelPath: '/models/tiny' });
    const loaded = readAdapter(path);
    checkAdapter(loaded, model.config);
    assert.deepEqual(await rewardsOf(loaded, sequences), before);
    assert.deepEqual(loaded.tensors, adapter.tensors);
    // The head as it was trained, with gain and bias beside it, says the same.
    const names = [...adapter.tensors.keys()];
    let offset = 0;
    const feeds = Object.fromEntries(
      names.map((name) => {
        const start = offset;
        offset += adapter.tensors.get(name)!.data.length;
        return [name, state.learner.parameters.subarray(start, offset)];
      }),
    );
    const raw = await resultOf(lastScores(model, { ...activate(adapter), feeds }, sequences));
    assertClose(
      before,
      Array.from(raw, (score) => score * state.gain + state.bias),
      1e-5,
    );
  });

  it('learns comparisons, and leaves rewards of mean 0 and deviation 1', async () => {
    const pairs = randomPairs(12);
    const { events, adapter } = await trained(pairs, { epochs: 12, learningRate: 0.003, headLearningRate: 0.02 });
    const steps = stepMetrics(events);
    assert.ok(steps.at(-1)!.accuracy === 1 && steps.at(-1)!.loss < 0.3 * Math.LN2);
    const rewards = await rewardsOf(adapter, bothOf(pairs));
    const mean = rewards.reduce((a, b) => a + b) / rewards.length;
    const variance = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length;
    assert.ok(Math.abs(mean) < 1e-4 && Math.abs(variance - 1) < 1e-4, `${mean}, ${variance}`);
    assert.equal(adapter.task, 'SEQ_CLS');
  });

  it('starts from the adapter that it is given, with a head of zeros, or from one that changes nothing', () => {
    const config = v.parse(rewardConfig, small);
    const from = tinyAdapter(model.base, { seed: 3, task: 'SEQ_CLS', rank: 2 });
    const copied = rewardStage(model, randomPairs(4), config, { seed: 1, from });
    const flat = [...from.tensors.values()].flatMap(({ data }) => [...data]);
    assert.deepEqual([...copied.start().learner.parameters], [...flat.slice(0, -32), ...new Array(32).fill(0)]);
    const fresh = rewardStage(model, randomPairs(4), config, { seed: 1 });
    const { tensors } = fresh.adapter(fresh.start());
    for (const [name, { data }] of tensors) {
      assert.equal(
        data.some((value) => value !== 0),
        name.includes('lora_A'),
        name,
      );
    }
  });

  it('the head has a learning rate of its own', async () => {
    const pairs = randomPairs(4);
    const first = async (headLearningRate: number) => {
      const config = v.parse(rewardConfig, { ...small, headLearningRate, learningRate: 1e-4 });
      const stage = rewardStage(model, pairs, config, { seed: 1, from: tinyAdapter(model.base) });
      const state = stage.start();
      await runStage(stage, state, { until: 1 });
      return Math.max(...state.learner.parameters.subarray(-32).map(Math.abs));
    };
    assertClose([await first(0.01), await first(0.02)], [0.01, 0.02], 1e-3);
  });

  it('asks for a lead of the margin', async () => {
    const [pair] = randomPairs(1);
    const loss = async (margin: number) => {
      const { events } = await trained([{ ...pair, margin }], { epochs: 1, batchSize: 1, centringCoefficient: 0 });
      return stepMetrics(events)[0].loss;
    };
    // A head of zeros leads by nothing: softplus(margin).
    assertClose([await loss(0), await loss(2)], [Math.LN2, Math.log1p(Math.exp(2))], 1e-5);
  });

  it('splits whole prompts off, a share of them, differently by seed', () => {
    const pairs = randomPairs(40).flatMap((pair) => [pair, pair, pair]);
    const { training, heldOut } = splitByPrompt(pairs, 0.25, 1);
    assert.deepEqual([training.length, heldOut.length], [90, 30]);
    const groups = new Set(heldOut.map(({ group }) => group));
    assert.ok(training.every(({ group }) => !groups.has(group)));
    assert.deepEqual(splitByPrompt(pairs, 0.25, 1).heldOut, heldOut);
    assert.notDeepEqual(splitByPrompt(pairs, 0.25, 2).heldOut, heldOut);
    assert.deepEqual(splitByPrompt(pairs, 0, 1).training, pairs);
  });

  it('tells how well its confidence is founded: Σ share · |mean σ(|lead|) − accuracy|', async () => {
    const pairs = randomPairs(30);
    const { events, stage, state } = await trained(pairs, { heldOut: 0.4, epochs: 3 });
    const last = events.at(-1)!;
    assert.ok(last.kind === 'metrics');
    const { heldOut } = splitByPrompt(pairs, 0.4, 2);
    const rewards = await rewardsOf(stage.adapter(state), bothOf(heldOut));
    const leads = heldOut.map((_, k) => (rewards[2 * k] - rewards[2 * k + 1]) / state.gain);
    const bins = new Map<number, { confidence: number; correct: number; count: number }>();
    for (const lead of leads) {
      const confidence = 1 / (1 + Math.exp(-Math.abs(lead)));
      const key = Math.min(9, Math.floor((confidence - 0.5) / 0.05));
      const bin = bins.get(key) ?? { confidence: 0, correct: 0, count: 0 };
      bins.set(key, {
        confidence: bin.confidence + confidence,
        correct: bin.correct + (lead > 0 ? 1 : 0),
        count: bin.count + 1,
      });
    }
    const error = [...bins.values()].reduce((sum, bin) => {
      const gap = Math.abs(bin.confidence / bin.count - bin.correct / bin.count);
      return sum + (bin.count / leads.length) * gap;
    }, 0);
    const accuracy = leads.filter((lead) => lead > 0).length / leads.length;
    const margin = (leads.reduce((a, b) => a + b) / leads.length) * state.gain;
    assertClose([last.metrics.eval_calibration_error], [error], 1e-4, 'calibration');
    assert.equal(last.metrics.eval_accuracy, accuracy);
    assertClose([last.metrics.eval_margin], [margin], 1e-4, 'margin');
  });
});
