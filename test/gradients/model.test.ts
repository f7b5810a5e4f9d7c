import assert from 'node:assert/strict';
import type { NetworkContext } from '../../models/layers.ts';
import type { LlamaConfig } from '../../models/llama.ts';
import {
  hiddenStates,
  linearModules,
  type ModelConfig,
  networkOf,
  outputMatrix,
  tokenInputs,
} from '../../models/network.ts';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { completionLoss } from '../../server/engine/losses/completion.ts';
import { type Build, checkGradient, engines, type Feeds, gradientsOf } from '../support/checkGradient.ts';
import { relativeError } from '../support/close.ts';
import { randomIndices } from '../support/reference/random.ts';
import { randomFeeds } from './randomFeeds.ts';

const [batch, time] = [2, 8];
const config: LlamaConfig = {
  layers: 2,
  width: 32,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 8,
  feedForward: 48,
  vocabulary: 40,
  ropeTheta: 10000,
  normEpsilon: 1e-5,
  tiedEmbedding: true,
  maxPositions: 16,
};

/** The hidden states that predict a token: the first row packs 5 and 3 tokens, the second has 6 and padding. */
const readAt = [0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12];

function given(model: ModelConfig): Feeds {
  const shape = [model.maxPositions, model.headWidth / 2];
  const tables = Object.entries(networkOf(model).tables()).map(([name, data]) => [name, { shape, data }] as const);
  return {
    ids: randomIndices(batch * time, 1, model.vocabulary),
    positions: { shape: [batch * time], data: [0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1] },
    segments: { shape: [batch, time], data: [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1] },
    ...Object.fromEntries(tables),
    scale: { shape: [], data: [2] },
    at: { shape: [readAt.length], data: readAt },
    target: randomIndices(readAt.length, 2, model.vocabulary),
    weights: { shape: [readAt.length], data: readAt.map((_, k) => (k === 4 ? 0 : 0.05 + 0.01 * k)) },
    temperature: { shape: [], data: [0.8] },
  };
}

/** The loss of supervised fine-tuning on packed rows, and the mean entropy beside it. */
function sftLoss(context: NetworkContext, model: ModelConfig, recompute: boolean): Tensor {
  const { ops } = context;
  const states = hiddenStates(context, model, tokenInputs(ops, batch, time), { recompute });
  const hidden = ops.gatherRows(states, ops.input('at', [readAt.length], 'int32'));
  const [matrix, temperature] = [outputMatrix(context, model), ops.input('temperature', [])];
  const target = ops.input('target', [readAt.length], 'int32');
  const logps = ops.tokenLogProbability(hidden, matrix, target, temperature);
  const entropy = ops.mean(ops.tokenEntropy(hidden, matrix, temperature));
  return ops.sub(completionLoss(ops, logps, ops.input('weights', [readAt.length])), ops.mul(entropy, 0.1));
}

const adapter = (ops: OpBuilder): NetworkContext => ({
  ops,
  train: 'adapter',
  lora: { rank: 4, targetModules: linearModules },
  loraScale: ops.input('scale', []),
});

const builds: Record<string, { model: ModelConfig; build: Build }> = {
  'adapters on a frozen base': {
    model: config,
    build: (ops) => sftLoss(adapter(ops), config, false),
  },
  'adapters on a frozen base, each layer recomputed': {
    model: config,
    build: (ops) => sftLoss(adapter(ops), config, true),
  },
  'every weight, the embedding tied to the output': {
    model: config,
    build: (ops) => sftLoss({ ops, train: 'base' }, config, false),
  },
  'every weight, an output matrix of its own, each layer recomputed': {
    model: { ...config, tiedEmbedding: false },
    build: (ops) => sftLoss({ ops, train: 'base' }, { ...config, tiedEmbedding: false }, true),
  },
};

const small = { ...config, layers: 1, width: 16, feedForward: 24 };
const { ropeTheta: _, ...decoder } = small;
const gemma = { ...small, headWidth: 4 };
const variants: Readonly<Record<string, ModelConfig>> = {
  'biases of q, k and v': { ...small, attentionBias: 'qkv' },
  'every bias of the attention, scaled positions': {
    ...small,
    attentionBias: 'qkvo',
    ropeScaling: { type: 'linear', factor: 3 },
  },
  'norms of heads wider than their share': { ...small, headWidth: 8, headNorms: true },
  'what Gemma has': { ...gemma, family: 'gemma', keyValueHeads: 1, queryScalar: 4, tiedEmbedding: true },
  'what Gemma 3 has': {
    ...gemma,
    layers: 2,
    family: 'gemma3',
    queryScalar: 6,
    ropeScaling: { type: 'linear', factor: 2 },
    local: { layers: [0], window: 3, ropeTheta: 100 },
  },
  'what GPT-2 has': { ...decoder, family: 'gpt2', keyValueHeads: 4, headWidth: 4 },
};
for (const [name, model] of Object.entries(variants)) {
  builds[`adapters on a frozen base with ${name}`] = { model, build: (ops) => sftLoss(adapter(ops), model, false) };
  builds[`every weight, with ${name}, recomputed`] = {
    model,
    build: (ops) => sftLoss({ ops, train: 'base' }, model, true),
  };
}

describe('a whole model against the Float64 reference: 12 entries and one direction of each tensor', () => {
  for (const [name, { model, build }] of Object.entries(builds)) {
    it(name, async function () {
      this.timeout(120_000);
      await checkGradient(build, randomFeeds(build, given(model)), { entries: 12, directions: 1 });
    });
  }
});

describe('a whole model, engine against engine: loss and every gradient', () => {
  for (const [name, { model, build }] of Object.entries(builds)) {
    it(name, async () => {
      const feeds = randomFeeds(build, given(model));
      const [onnx, tensorflow] = [
        await gradientsOf(engines.onnx, build, feeds),
        await gradientsOf(engines.tensorflow, build, feeds),
      ];
      assert.ok(Object.keys(onnx).length > 8);
      assert.deepEqual(Object.keys(tensorflow).sort(), Object.keys(onnx).sort());
      for (const [output, { data }] of Object.entries(onnx)) {
        const error = relativeError(tensorflow[output].data, data);
        assert.ok(error <= 1e-4, `${output} is off by ${error}`);
      }
    });
  }
});
