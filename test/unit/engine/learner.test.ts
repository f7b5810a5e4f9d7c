import assert from 'node:assert/strict';
import { scoreName } from '../../../models/heads.ts';
import { weightShapes } from '../../../models/network.ts';
import { initialParameters, Learner, type Trained, trainedLayout } from '../../../server/engine/learner.ts';
import { Model } from '../../../server/engine/model.ts';
import { freshOptimiser } from '../../../server/engine/optimiser.ts';
import { viewsOf } from '../../../server/engine/parameters.ts';
import { adapterShapes, checkAdapter } from '../../../server/engine/weights/adapters.ts';
import { tinyAdapter, tinyConfig, tinyModel } from '../../support/tinyModel.ts';

const lora = { rank: 3, targetModules: ['q_proj', 'o_proj', 'up_proj'] };
const adapter: Trained = { kind: 'adapter', lora, alpha: 6 };
const withHead: Trained = { ...adapter, head: { learningRateFactor: 10 } };
const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradientNorm: 1 };

describe('the parameters of a learner', () => {
  it('are the tensors of the adapter in the order of its folder, the head last', () => {
    const names = adapterShapes(tinyConfig, 3, lora.targetModules).map(({ name }) => name);
    assert.deepEqual(trainedLayout(tinyConfig, adapter).names, names);
    assert.deepEqual(trainedLayout(tinyConfig, withHead).names, [...names, scoreName]);
    assert.deepEqual(trainedLayout(tinyConfig, withHead).shapes.at(-1), [1, 32]);
  });

  it('or every weight of the base', () => {
    const { names, shapes } = trainedLayout(tinyConfig, { kind: 'base' });
    assert.deepEqual(
      names.map((name, k) => [name, shapes[k]]),
      weightShapes(tinyConfig),
    );
  });

  it('start as in PEFT: A uniform in ±1/√in, B and head 0', () => {
    const layout = trainedLayout(tinyConfig, withHead);
    const views = viewsOf(layout, initialParameters(layout, 4));
    layout.names.forEach((name, k) => {
      const [, inner] = layout.shapes[k];
      const largest = Math.max(...views[name].map(Math.abs));
      if (!name.includes('lora_A')) assert.equal(largest, 0, name);
      else assert.ok(largest <= 1 / Math.sqrt(inner) && largest > 0.9 / Math.sqrt(inner), name);
    });
    assert.notDeepEqual(initialParameters(layout, 4), initialParameters(layout, 5));
    assert.deepEqual(initialParameters(layout, 4), initialParameters(layout, 4));
  });

  it('start from an adapter where it has them', () => {
    const from = tinyAdapter(tinyModel(), { rank: 3 });
    const layout = trainedLayout(tinyConfig, { ...withHead, lora: { ...lora, targetModules: from.targetModules } });
    const views = viewsOf(layout, initialParameters(layout, 4, from));
    for (const [name, { data }] of from.tensors) assert.deepEqual(views[name], data);
    assert.ok(views[scoreName].every((value) => value === 0));
  });
});

describe('a learner', () => {
  const model = new Model(tinyModel());
  after(() => model.release());
  const learnerOf = (trained: Trained) => {
    const layout = trainedLayout(tinyConfig, trained);
    return new Learner(model, trained, freshOptimiser(initialParameters(layout, 1)), options);
  };

  it('shows its parameters as they stand, without copies', () => {
    const learner = learnerOf(adapter);
    const { feeds, scale } = learner.active;
    assert.equal(scale, 2);
    learner.state.parameters.fill(5);
    assert.ok(Object.values(feeds).every((values) => values.every((value) => value === 5)));
  });

  it('writes an adapter that fits the model, the gain folded into the head alone', () => {
    const learner = learnerOf(withHead);
    learner.state.parameters.fill(0.5);
    const written = learner.adapter({ gain: 3, metadata: { note: 'x' } });
    checkAdapter(written, tinyConfig);
    assert.deepEqual([written.task, written.rank, written.alpha, written.metadata], ['SEQ_CLS', 3, 6, { note: 'x' }]);
    for (const [name, { data }] of written.tensors) {
      assert.ok(data.every((value) => value === (name === scoreName ? 1.5 : 0.5)));
    }
    learner.state.parameters.fill(0);
    assert.equal(written.tensors.get(scoreName)!.data[0], 1.5, 'a copy');
    assert.equal(learnerOf(adapter).adapter().task, 'CAUSAL_LM');
  });

  it('has no adapter where it trains the base', () => {
    const learner = learnerOf({ kind: 'base' });
    assert.throws(() => learner.adapter(), /no adapter/);
    assert.throws(() => learner.active, /no adapter/);
  });

  it('refuses a state of another size', () => {
    const state = freshOptimiser(new Float32Array(7));
    assert.throws(() => new Learner(model, adapter, state, options), /holds 7 parameters, the layout \d+/);
  });
});
