import assert from 'node:assert/strict';
import * as v from 'valibot';
import { nearestName, parseConfig } from '../../server/config.ts';
import { UserError } from '../../server/errors.ts';

const schema = v.strictObject({
  base: v.optional(v.string(), 'tiny'),
  sft: v.optional(
    v.strictObject({
      learningRate: v.optional(v.pipe(v.number(), v.minValue(0)), 2e-4),
      epochs: v.optional(v.pipe(v.number(), v.integer()), 1),
      kind: v.optional(v.picklist(['linear', 'cosine']), 'linear'),
    }),
    {},
  ),
  ppo: v.optional(v.variant('kl', [v.strictObject({ kl: v.literal('fixed'), beta: v.number() })])),
  layers: v.optional(v.array(v.strictObject({ rank: v.number() }))),
});

describe('parseConfig', () => {
  it('fills in defaults', () => {
    assert.deepEqual(parseConfig(schema, { sft: { epochs: 2 } }, 'palate.json'), {
      base: 'tiny',
      sft: { learningRate: 2e-4, epochs: 2, kind: 'linear' },
    });
  });

  const refused: [value: unknown, message: RegExp][] = [
    [{ bass: 'x' }, /^palate\.json: there is no setting "bass"\. Did you mean "base"\?$/],
    [{ sft: { learningrate: 1 } }, /"learningrate" in sft\. Did you mean "learningRate"\?/],
    [{ sft: { learning_rate: 1 } }, /"learning_rate" in sft\. Did you mean "learningRate"\?/],
    [{ sft: { rate: 1 } }, /Did you mean "learningRate"\?/],
    [{ sft: { zzz: 1 } }, /"zzz" in sft\. Valid here: learningRate, epochs, kind\./],
    [{ ppo: { kl: 'fixed', beta: 1, bta: 2 } }, /"bta" in ppo\. Did you mean "beta"\?/],
    [{ layers: [{ rank: 1 }, { rnk: 1, rank: 2 }] }, /"rnk" in layers\[1\]\. Did you mean "rank"\?/],
    [{ sft: { learningRate: 'fast' } }, /^palate\.json: sft\.learningRate should be a number, not "fast"\.$/],
    [{ sft: { learningRate: -1 } }, /sft\.learningRate should be at least 0, not -1\./],
    [{ sft: { learningRate: Number.NaN } }, /sft\.learningRate should be a number, not NaN\./],
    [{ sft: { epochs: 1.5 } }, /sft\.epochs should be a whole number, not 1\.5\./],
    [{ sft: { kind: 'step' } }, /sft\.kind should be "linear" or "cosine", not "step"\./],
    [{ sft: 3 }, /sft should be an object, not 3\./],
    [{ layers: [{}] }, /layers\[0\]\.rank is missing\./],
    [[], /^palate\.json: the configuration should be an object, not \[\]\.$/],
    [{ sft: [] }, /sft should be an object, not \[\]\./],
    [{ layers: [[]] }, /layers\[0\] should be an object, not \[\]\./],
    ['x', /^palate\.json: the configuration should be an object, not "x"\.$/],
    [null, /the configuration should be an object, not null\./],
  ];
  for (const [value, message] of refused) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(
        () => parseConfig(schema, value, 'palate.json'),
        (error) => error instanceof UserError && message.test(error.message),
        `expected ${message}`,
      );
    });
  }

  it('tells every problem on a line of its own', () => {
    assert.throws(
      () => parseConfig(schema, { base: 1, sft: { epochs: 0.5 } }, 'p'),
      /^UserError: p: base .*\np: sft\.epochs/,
    );
  });
});

describe('nearestName', () => {
  const cases: [string, string[], string | undefined][] = [
    ['modle', ['model', 'mode'], 'model'],
    ['max_new_tokens', ['maxNewTokens', 'seed'], 'maxNewTokens'],
    ['tokens', ['max-new-tokens', 'seed'], 'max-new-tokens'],
    ['colour', ['model', 'seed'], undefined],
    ['x', [], undefined],
  ];
  for (const [word, candidates, expected] of cases) {
    it(`${word} among ${candidates.join(', ')}`, () => assert.equal(nearestName(word, candidates), expected));
  }
});
