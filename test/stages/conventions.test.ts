import assert from 'node:assert/strict';
import * as v from 'valibot';
import { scoreName } from '../../models/heads.ts';
import { parseConfig } from '../../server/config.ts';
import { generate } from '../../server/engine/generation/generate.ts';
import { activate, Model } from '../../server/engine/model.ts';
import { lastScores, responseLogps, responseValues } from '../../server/engine/scoring.ts';
import {
  predictionRow,
  preferenceSequences,
  responseIds,
  rewardRow,
  type Sequence,
} from '../../server/engine/sequences.ts';
import { generalisedAdvantages, tokenRewards } from '../../server/engine/stages/advantages.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { rolloutRows } from '../../server/engine/stages/rollout.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import { UserError } from '../../server/errors.ts';
import { assertClose } from '../support/close.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { resultOf, runStage, stepMetrics } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// Section 7 of the design, item by item. Its item 6 is held in batching.test.ts; more of 3 and 5 in
// firstMinibatch.test.ts, of 4 in closedForm.test.ts.

describe('conventions of learning', () => {
  const base = tinyModel();
  const model = new Model(base);
  const adapter = activate(tinyAdapter(base));
  const rewardAdapter = tinyAdapter(base, { seed: 9, task: 'SEQ_CLS' });
  const judge = activate(rewardAdapter);
  const [end] = base.tokenizer.endIds;
  after(() => model.release());

  const logpsOf = (sequences: readonly Sequence[], temperature?: number) =>
    resultOf(responseLogps(model, adapter, sequences, temperature));
  const valuesOf = (sequences: readonly Sequence[]) => resultOf(responseValues(model, judge, sequences));
  const scoresOf = (sequences: readonly Sequence[]) => resultOf(lastScores(model, judge, sequences));

  function openPpo(changes: Record<string, unknown> = {}, reward = rewardAdapter) {
    const prompts = randomSequences(8).map(({ prompt }) => prompt);
    const config = v.parse(ppoConfig, { iterations: 2, rolloutBatch: 8, maxNewTokens: 16, ...changes });
    const stage = ppoStage(model, { prompts, sft: tinyAdapter(base), reward }, config, { seed: 6 });
    return { stage, state: stage.start(), prompts };
  }

  describe('1. masks, ends and truncation', () => {
    it('masks come from lengths: the id that fills up lines may stand in a prompt and in a response', async () => {
      // 0 is the end token and what unused places of a batch hold.
      const sequences = [
        { prompt: [0, 7, 0, 0], response: [12, 0, 4, 0, 0] },
        { prompt: [9], response: [0] },
        ...randomSequences(5),
      ];
      const together = await logpsOf(sequences);
      for (const [k, sequence] of sequences.entries()) {
        assertClose(together[k], (await logpsOf([sequence]))[0], 1e-5, `row ${k}`);
      }
      // A zero more in the prompt is seen.
      const [longer] = await logpsOf([{ prompt: [0, 0, 7, 0, 0], response: sequences[0].response }]);
      assert.ok(Math.abs(longer[0] - together[0][0]) > 1e-3);
    });

    it('an answer is complete, and closed by the end token, unless finished is false', () => {
      const row = { prompt: 'A', chosen: 'BC', rejected: 'D', chosenFinished: true, rejectedFinished: false };
      const { chosen, rejected } = preferenceSequences(base.tokenizer, row);
      assert.deepEqual(chosen.response, [...base.tokenizer.encode('BC'), end]);
      assert.deepEqual(rejected.response, base.tokenizer.encode('D'));
      assert.deepEqual(responseIds(base.tokenizer, '', true), [end]);
    });

    it('the end token is trained on and scored', async () => {
      const sequence = { prompt: [5, 6], response: [7, end] };
      const stage = sftStage(model, [sequence], v.parse(sftConfig, { batchSize: 1, learningRate: 0.01, epochs: 20 }), {
        seed: 1,
      });
      const state = stage.start();
      const events = stepMetrics(await runStage(stage, state));
      assert.equal(events.at(-1)!.num_tokens, 20 * 2);
      const trained = activate(stage.adapter(state));
      const [[, before]] = await resultOf(responseLogps(model, undefined, [sequence]));
      const [[, learnt]] = await resultOf(responseLogps(model, trained, [sequence]));
      assert.ok(learnt > before + 1, `${before} → ${learnt}`);
    });

    it('a cut answer ends with its last token: none is added in rollouts', async () => {
      const { stage, state } = openPpo({ maxNewTokens: 5 });
      await runStage(stage, state, { until: 1 });
      const rows = rolloutRows(state.rollout!);
      const cut = rows.filter(({ response }) => response.at(-1) !== end);
      assert.ok(cut.length > 0 && cut.every(({ response }) => response.length === 5));
      assert.equal(state.rollout!.metrics['val/num_eos_tokens'], rows.length - cut.length);
    });

    it('the reward model reads the last token, of cut answers too, in training as in rollouts', async () => {
      const sequences = [
        { prompt: [5, 6, 7], response: [8, 9, 10] },
        { prompt: [5, 6, 7], response: [8, 9, 10, end] },
      ];
      for (const sequence of sequences) {
        assert.deepEqual(rewardRow(sequence), {
          ids: [...sequence.prompt, ...sequence.response],
          reads: [sequence.prompt.length + sequence.response.length - 1],
        });
      }
      const [cut, complete] = await scoresOf(sequences);
      assert.ok(Math.abs(cut - complete) > 1e-4);
      // The head read at the last token is the value of the state after it.
      const after = sequences.map(({ prompt, response }) => ({ prompt: [...prompt, ...response], response: [1] }));
      assertClose(
        [cut, complete],
        (await valuesOf(after)).flatMap((row) => [...row]),
        1e-5,
      );
      // Training reads there too: with a head that is not 0 the first margin is that of scoring.
      const config = v.parse(rewardConfig, { heldOut: 0, batchSize: 1 });
      const stage = rewardStage(
        model,
        [{ chosen: sequences[1], rejected: sequences[0], group: 'a', margin: 0 }],
        config,
        { seed: 1, from: tinyAdapter(base, { seed: 9 }) },
      );
      const state = stage.start();
      const head = Float32Array.from({ length: 32 }, (_, k) => Math.sin(k));
      state.learner.parameters.set(head, state.learner.parameters.length - 32);
      const trained = activate(tinyAdapter(base, { seed: 9 }));
      const withHead = { ...trained, feeds: { ...trained.feeds, [scoreName]: head } };
      const [unfinished, finished] = await resultOf(lastScores(model, withHead, sequences));
      const [first] = stepMetrics(await runStage(stage, state, { until: 1 }));
      assertClose([first.margin], [finished - unfinished], 1e-4);
    });
  });

  describe('2. what stands where', () => {
    const sequence = { prompt: [5, 6, 7], response: [8, 9, 10, 11] };
    const changed = (t: number) => ({ ...sequence, response: sequence.response.map((id, k) => (k === t ? 33 : id)) });

    it('logps[t] scores token t given the tokens before it', async () => {
      const [original] = await logpsOf([sequence]);
      for (let t = 0; t < 4; t++) {
        const [other] = await logpsOf([changed(t)]);
        for (let k = 0; k < 4; k++) {
          const moved = Math.abs(other[k] - original[k]) > 1e-6;
          assert.equal(moved, k >= t, `token ${t} changed, logps[${k}]`);
        }
      }
    });

    it('logps are the logarithms of a distribution', async () => {
      const all = Array.from({ length: 64 }, (_, id) => ({ prompt: sequence.prompt, response: [8, id] }));
      const total = (await logpsOf(all)).reduce((sum, [, logp]) => sum + Math.exp(logp), 0);
      assert.ok(Math.abs(total - 1) < 1e-5, String(total));
    });

    it('values[t] is the state before token t', async () => {
      const [original] = await valuesOf([sequence]);
      for (let t = 0; t < 4; t++) {
        const [other] = await valuesOf([changed(t)]);
        for (let k = 0; k < 4; k++) assert.equal(Math.abs(other[k] - original[k]) > 1e-6, k > t, `${t}, values[${k}]`);
      }
      assert.deepEqual(predictionRow(sequence), { ids: [5, 6, 7, 8, 9, 10], reads: [2, 3, 4, 5] });
    });

    it('the reward sits on the last real token', () => {
      assertClose(tokenRewards([-1, -2, -3], [-1, -2, -3], 5, 0.1), [0, 0, 5], 0);
      const { advantages } = generalisedAdvantages([0, 0, 5], [0, 0, 0], { gamma: 0.5, lambda: 1 });
      assert.deepEqual([...advantages], [1.25, 2.5, 5]);
    });

    it('in a rollout too: advantages are built from the reward at the end of each response', async () => {
      const { stage, state } = openPpo({ klCoefficient: 0, whitenAdvantages: false, gamma: 1, lambda: 1 });
      const events = await runStage(stage, state, { until: 1 });
      const rows = rolloutRows(state.rollout!);
      const samples = events.filter((event) => event.kind === 'sample');
      for (const [k, { reward }] of samples.entries()) {
        // γ = λ = 1: the return of every token is the reward at the end.
        assertClose(rows[k].returns, new Array(rows[k].response.length).fill(reward), 1e-5, `response ${k}`);
      }
    });
  });

  describe('3. one temperature, nothing else', () => {
    it('divides the logits where responses are scored, as where they are drawn', async () => {
      const sequences = randomSequences(4);
      const all = Array.from({ length: 64 }, (_, id) => ({ prompt: sequences[0].prompt, response: [id] }));
      const [plain, warm] = [await logpsOf(all), await logpsOf(all, 0.7)].map((rows) => rows.map(([logp]) => logp));
      const expected = plain.map((logp) => logp / 0.7);
      const normaliser = Math.log(expected.reduce((sum, logp) => sum + Math.exp(logp), 0));
      assertClose(
        warm,
        expected.map((logp) => logp - normaliser),
        1e-5,
      );
      const [drawn] = await resultOf(
        generate(model, adapter, [sequences[0].prompt], {
          sampling: { temperature: 0.7 },
          maxNewTokens: 1,
          stopIds: [],
          seed: 1,
        }),
      );
      assertClose(drawn.logps, [warm[drawn.ids[0]]], 1e-4);
    });

    for (const key of ['topK', 'topP', 'minP', 'repetitionPenalty', 'dropout']) {
      it(`refuses ${key} in rollouts`, () => {
        assert.throws(
          () => parseConfig(ppoConfig, { [key]: 0.9 }, 'palate.json'),
          (error) => error instanceof UserError && error.message.includes(`"${key}"`),
        );
      });
    }
  });

  describe('4. the KL in the reward is k1', () => {
    it('−β (log π − log π_ref) of each token, negative ones too', () => {
      assertClose(tokenRewards([-1, -2, -0.5], [-2, -1.5, -0.5], 0, 0.2), [-0.2, 0.1, 0], 1e-6);
    });

    it('and there is no setting for another', () => {
      for (const key of ['klEstimator', 'kl']) {
        assert.throws(() => parseConfig(ppoConfig, { [key]: 'k3' }, 'palate.json'), UserError);
      }
    });
  });

  describe('5. the reward is normalised, the critic has a start', () => {
    it('rewards have mean 0 and deviation 1 over the first rollouts, before the KL; later ones keep gain and bias', async () => {
      const { stage, state } = openPpo(
        { klCoefficient: 3 },
        { ...rewardAdapter, metadata: { 'palate.reward.bias': '40' } },
      );
      const first = await runStage(stage, state, { until: 1 });
      const raw = (await scoresOf(rolloutRows(state.rollout!))).map((score) => score + 40);
      const { gain, bias } = state.normaliser!;
      const normalised = raw.map((reward) => reward * gain + bias);
      const mean = normalised.reduce((a, b) => a + b) / raw.length;
      const variance = normalised.reduce((sum, value) => sum + (value - mean) ** 2, 0) / raw.length;
      assert.ok(Math.abs(mean) < 1e-3 && Math.abs(variance - 1) < 1e-3, `${mean}, ${variance}`);
      const samples = first.filter((event) => event.kind === 'sample').map(({ reward }) => reward);
      assertClose(samples, normalised.slice(0, 3), 1e-3);
      await runStage(stage, state);
      assert.deepEqual(state.normaliser, { gain, bias });
    });

    it('the critic starts as a copy of the reward model with its head, or with a head of zeros', () => {
      const tensors = [...rewardAdapter.tensors.values()].flatMap(({ data }) => [...data]);
      assert.deepEqual([...openPpo({ critic: 'reward' }).state.critic.parameters], tensors);
      const headless = [...tensors.slice(0, -32), ...new Array(32).fill(0)];
      assert.deepEqual([...openPpo({ critic: 'zero' }).state.critic.parameters], headless);
    });

    it('a reward function has no head to copy: that is said', () => {
      const reward = async function* () {
        yield { done: 0, total: 0 };
        return [];
      };
      const inputs = { prompts: [[1]], sft: tinyAdapter(base), reward };
      assert.throws(
        () => ppoStage(model, inputs, v.parse(ppoConfig, {}), { seed: 1 }),
        (error) => error instanceof UserError && /Set critic to "zero"/.test(error.message),
      );
    });
  });

  describe('7. train and test are split by prompt', () => {
    it('a reward model is evaluated on prompts that it has not seen, with all of their pairs', async () => {
      const pairs = randomPairs(20).flatMap((pair) => [
        pair,
        { ...pair, chosen: pair.rejected, rejected: pair.chosen },
      ]);
      const config = v.parse(rewardConfig, { heldOut: 0.25, rank: 2 });
      const stage = rewardStage(model, pairs, config, { seed: 2 });
      const events = await runStage(stage, stage.start());
      const last = events.at(-1)!;
      assert.ok(last.kind === 'metrics');
      assert.equal(last.metrics.eval_pairs, 10);
      // Each held-out pair also stands there the other way round.
      assert.equal(last.metrics.eval_accuracy, 0.5);
    });
  });

  describe('8. packed segments', () => {
    it('do not see each other, and count positions from 0', async () => {
      // Short ones, so that several share a line.
      const sequences = randomSequences(24, { prompt: [1, 4], response: [2, 6] });
      const packed = await logpsOf(sequences);
      for (const k of [0, 5, 11, 23]) assertClose(packed[k], (await logpsOf([sequences[k]]))[0], 1e-5, `row ${k}`);
      const scores = await scoresOf(sequences);
      for (const k of [1, 12, 22]) assertClose([scores[k]], await scoresOf([sequences[k]]), 1e-5, `score ${k}`);
    });
  });
});
