import assert from 'node:assert/strict';
import type { LlamaConfig } from '../../../../models/llama.ts';
import { type Answer, type GenerateOptions, generate } from '../../../../server/engine/generation/generate.ts';
import { type ActiveAdapter, activate, Model } from '../../../../server/engine/model.ts';
import { responseLogps } from '../../../../server/engine/scoring.ts';
import type { BaseModel } from '../../../../server/engine/weights/types.ts';
import { assertClose } from '../../../support/close.ts';
import { randomSequences } from '../../../support/sequences.ts';
import { resultOf } from '../../../support/stages.ts';
import { tinyAdapter, tinyModel } from '../../../support/tinyModel.ts';

describe('generation', () => {
  const base = tinyModel();
  const model = new Model(base);
  const adapter = activate(tinyAdapter(base));
  after(() => model.release());
  // From 1 to 70 tokens: less than a chunk of 32, exactly one, more than two.
  const lengths = [5, 32, 1, 70, 33, 31, 64, 12];
  const prompts = lengths.map(
    (length, seed) => randomSequences(1, { seed: seed + 1, prompt: [length, length] })[0].prompt,
  );

  async function answers(
    given: readonly (readonly number[])[],
    options: Partial<GenerateOptions> = {},
    on: Model = model,
    with_: ActiveAdapter | undefined = adapter,
  ): Promise<Answer[]> {
    const defaults = { sampling: { temperature: 1 }, maxNewTokens: 24, stopIds: [0], seed: 7 };
    return resultOf(generate(on, with_, given, { ...defaults, ...options }));
  }

  async function checkLogps(
    given: readonly (readonly number[])[],
    made: readonly Answer[],
    temperature: number,
    lora = adapter,
    on: Model = model,
  ) {
    const sequences = made.map(({ ids }, k) => ({ prompt: given[k], response: ids }));
    const trained = await resultOf(responseLogps(on, lora, sequences, temperature));
    made.forEach(({ logps }, k) => {
      assert.equal(logps.length, trained[k].length);
      for (const [t, logp] of logps.entries()) {
        assert.ok(Math.abs(logp - trained[k][t]) <= 1e-4, `answer ${k}, token ${t}: ${logp} and ${trained[k][t]}`);
      }
    });
  }

  for (const temperature of [1, 0.7]) {
    it(`gives the log-probabilities of the training graph at temperature ${temperature}`, async () => {
      const made = await answers(prompts, { sampling: { temperature } });
      assert.ok(
        made.some(({ finished, ids }) => finished && ids.length < 12),
        'rows are dropped on the way',
      );
      assert.ok(
        made.some(({ finished }) => !finished),
        'rows stay to the end',
      );
      await checkLogps(prompts, made, temperature);
    });
  }

  it('gives them for one answer alone, and for the bare base', async () => {
    for (const prompt of [prompts[3], prompts[2]]) await checkLogps([prompt], await answers([prompt]), 1);
    const bare = await resultOf(
      generate(model, undefined, prompts, { sampling: { temperature: 1 }, maxNewTokens: 8, stopIds: [0], seed: 7 }),
    );
    const sequences = bare.map(({ ids }, k) => ({ prompt: prompts[k], response: ids }));
    const trained = await resultOf(responseLogps(model, undefined, sequences));
    assertClose(
      bare.flatMap(({ logps }) => logps),
      trained.flatMap((row) => [...row]),
      1e-4,
    );
  });

  const families: Readonly<Record<string, Partial<LlamaConfig>>> = {
    'biases of q, k and v': { attentionBias: 'qkv' },
    'every bias of the attention': { attentionBias: 'qkvo', ropeScaling: { type: 'linear', factor: 2 } },
    'norms of heads': {
      headNorms: true,
      headWidth: 16,
      ropeScaling: { type: 'factors', factors: [1, 1, 2, 2, 4, 4, 8, 8] },
    },
  };
  for (const [name, config] of Object.entries(families)) {
    it(`gives them for a model with ${name}`, async () => {
      const other = tinyModel({ config });
      const on = new Model(other);
      try {
        const lora = activate(tinyAdapter(other));
        const made = await answers(prompts, {}, on, lora);
        await checkLogps(prompts, made, 1, lora, on);
      } finally {
        await on.release();
      }
    });
  }

  it('gives them for several samples of a prompt, mixed with other prompts', async () => {
    const given = [0, 0, 0, 3, 3, 1, 3, 0].map((k) => prompts[k]);
    const made = await answers(given);
    await checkLogps(given, made, 1);
    assert.notDeepEqual(made[0].ids, made[1].ids);
    assert.notDeepEqual(made[3].ids, made[4].ids);
  });

  it('gives them when the cache has grown many times over', async () => {
    const made = await answers(prompts.slice(0, 3), { maxNewTokens: 100, stopIds: [] });
    assert.deepEqual(
      made.map(({ ids }) => ids.length),
      [100, 100, 100],
    );
    await checkLogps(prompts.slice(0, 3), made, 1);
  });

  it('runs each distinct prompt once, however many samples are wanted', async () => {
    const counting = new Model(base);
    const rows: number[] = [];
    const session = counting.session.bind(counting);
    counting.session = async (key, ...rest) => {
      const opened = await session(key, ...rest);
      return {
        ...opened,
        run: (feeds, into) => {
          const { ids } = feeds as unknown as { ids: { shape: readonly number[] } };
          if (key.startsWith('decode/32/')) rows.push(ids.shape[0] / 32);
          return opened.run(feeds, into);
        },
      };
    };
    const given = [1, 1, 1, 3, 3, 1, 3, 0].map((k) => prompts[k]);
    await answers(given, {}, counting);
    // 70, 32 and 5 tokens: of three chunks the last two are the longest prompt's alone.
    assert.deepEqual(rows, [3, 1, 1]);
    await counting.release();
  });

  it('packs the base for single tokens, where half of the budget holds it', async () => {
    const answersWith = async (options: { readonly sessionBytes?: number }) => {
      const watched = new Model(base, options);
      const reads = new Map<string, boolean>();
      const session = watched.session.bind(watched);
      watched.session = async (key, ...rest) => {
        const opened = await session(key, ...rest);
        reads.set(key.split('/')[1], opened.inputs.has('model.layers.0.self_attn.q_proj.weight'));
        return opened;
      };
      const made = await answers(prompts, { sampling: 'greedy' }, watched);
      await watched.release();
      return { reads, ids: made.map(({ ids }) => ids) };
    };
    const [ample, scarce] = [await answersWith({}), await answersWith({ sessionBytes: 1000 })];
    assert.deepEqual([ample.reads.get('32'), ample.reads.get('1')], [true, false]);
    assert.deepEqual([scarce.reads.get('32'), scarce.reads.get('1')], [true, true]);
    assert.deepEqual(scarce.ids, ample.ids);
  });

  it('draws by seed, round and place alone: cutting the list changes nothing', async () => {
    const whole = await answers(prompts);
    const small = await answers(prompts, { batch: 3 });
    const last = await answers(prompts.slice(5), { firstAnswer: 5 });
    assert.deepEqual(
      small.map(({ ids }) => ids),
      whole.map(({ ids }) => ids),
    );
    assert.deepEqual(
      last.map(({ ids }) => ids),
      whole.slice(5).map(({ ids }) => ids),
    );
    assert.notDeepEqual(await answers(prompts, { seed: 8 }), whole);
    assert.notDeepEqual(await answers(prompts, { round: 1 }), whole);
    assert.deepEqual(await answers(prompts), whole);
  });

  it('ends at the first end token, which belongs to the answer, and is only then finished', async () => {
    const stopIds = [0, 5, 9];
    const made = await answers(prompts, { stopIds, maxNewTokens: 12 });
    assert.ok(made.some(({ finished }) => finished) && made.some(({ finished }) => !finished));
    for (const { ids, finished } of made) {
      assert.equal(stopIds.includes(ids.at(-1)!), finished);
      assert.ok(ids.slice(0, -1).every((id) => !stopIds.includes(id)));
      assert.ok(finished || ids.length === 12);
    }
  });

  it('counts an end token in the last place as an end', async () => {
    const free = await answers([prompts[0]], { stopIds: [], maxNewTokens: 6 });
    const [{ ids, finished }] = await answers([prompts[0]], { stopIds: [free[0].ids[5]], maxNewTokens: 6 });
    assert.deepEqual({ last: ids.at(-1), finished }, { last: free[0].ids[5], finished: true });
  });

  it('makes the likeliest answer greedily, the same alone and in company', async () => {
    const company = await answers(prompts, { sampling: 'greedy', maxNewTokens: 8 });
    for (const [k, prompt] of prompts.entries()) {
      const [alone] = await answers([prompt], { sampling: 'greedy', maxNewTokens: 8 });
      assert.deepEqual(alone.ids, company[k].ids);
    }
    // No other first token is likelier.
    const others = Array.from({ length: 64 }, (_, id) => ({ prompt: prompts[0], response: [id] }));
    const logps = (await resultOf(responseLogps(model, adapter, others))).map(([logp]) => logp);
    assert.equal(logps.indexOf(Math.max(...logps)), company[0].ids[0]);
  });

  it('stops where the model has no positions left', async () => {
    const short: BaseModel = tinyModel({ config: { maxPositions: 40 } });
    const narrow = new Model(short);
    const [{ ids, finished }] = await answers([prompts[5]], { stopIds: [], maxNewTokens: 100 }, narrow);
    // 31 tokens of the prompt and 9 of the answer have been read; the tenth came out of the last position.
    assert.deepEqual({ tokens: ids.length, finished }, { tokens: 10, finished: false });
    await narrow.release();
  });

  it('refuses an empty prompt', async () => {
    await assert.rejects(answers([prompts[0], []]), /Prompt 1 has no tokens/);
  });
});
