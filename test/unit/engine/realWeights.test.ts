import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { llamaModules } from '../../../models/llama.ts';
import { hiddenStates, outputMatrix, tokenInputs } from '../../../models/network.ts';
import { isFrozen, type OpBuilder, type Tensor } from '../../../models/ops.ts';
import { type Answer, generate } from '../../../server/engine/generation/generate.ts';
import { initialParameters, Learner, trainedLayout } from '../../../server/engine/learner.ts';
import { completionLoss } from '../../../server/engine/losses/completion.ts';
import { type ActiveAdapter, activate, adapterContext, adapterFeeds, Model } from '../../../server/engine/model.ts';
import { compile } from '../../../server/engine/onnx/program.ts';
import { freshOptimiser } from '../../../server/engine/optimiser.ts';
import type { CompileOptions } from '../../../server/engine/runtime.ts';
import { responseLogps } from '../../../server/engine/scoring.ts';
import { predictionRow } from '../../../server/engine/sequences.ts';
import { checkAdapter, readAdapter, writeAdapter } from '../../../server/engine/weights/adapters.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { testDataOrSkip } from '../../support/testData.ts';

// What Transformers and PEFT compute in float32 from the same file: shared/data's golden.json, written by make_golden.py
// beside it.

interface Golden {
  readonly gguf: string;
  readonly greedy: readonly {
    readonly question: string;
    readonly promptIds: readonly number[];
    readonly answerIds: readonly number[];
    readonly answer: string;
  }[];
  readonly paragraph: {
    readonly text: string;
    readonly ids: readonly number[];
    readonly logps: readonly number[];
    readonly perplexity: number;
    readonly lastLogitsTop5: readonly (readonly [id: number, logit: number])[];
  };
  readonly adapter: {
    readonly folder: string;
    readonly promptIds: readonly number[];
    readonly completionIds: readonly number[];
    readonly loss: number;
    readonly gradientNorm: number;
    readonly gradients: Readonly<Record<string, { readonly norm: number; readonly first8: readonly number[] }>>;
  };
}

describe('SmolLM2-135M-Instruct, golden values of Transformers and PEFT', () => {
  const own = temporaryFolder();
  let golden: Golden;
  let model: Model;
  let peftFolder: string;

  before(async function () {
    const data = testDataOrSkip(this, 'SmolLM2-135M-Instruct');
    golden = JSON.parse(readFileSync(join(data, 'golden.json'), 'utf8'));
    peftFolder = join(data, golden.adapter.folder);
    model = new Model(await loadBaseModel(join(data, golden.gguf)));
  });
  after(() => model?.release());

  it('encodes prompts and text to the same token ids', () => {
    const { tokenizer } = model;
    for (const { question, promptIds } of golden.greedy) {
      const ids = tokenizer.encodeChat([{ role: 'user', content: question }], { generationPrompt: true });
      assert.deepEqual(ids, promptIds, question);
    }
    assert.deepEqual(tokenizer.encode(golden.paragraph.text), golden.paragraph.ids);
    assert.equal(tokenizer.decode(golden.paragraph.ids), golden.paragraph.text);
  });

  it('gives the same greedy answers, all decoded together', async () => {
    const { endIds } = model.tokenizer;
    const prompts = golden.greedy.map(({ promptIds }) => promptIds);
    const options = { sampling: 'greedy', maxNewTokens: 40, stopIds: endIds, seed: 0 } as const;
    const answers = await last<Answer[]>(generate(model, undefined, prompts, options));
    assert.equal(answers.length, golden.greedy.length);
    answers.forEach(({ ids, finished }, k) => {
      assert.deepEqual(ids, golden.greedy[k].answerIds, golden.greedy[k].question);
      assert.equal(finished, endIds.includes(ids[ids.length - 1]));
    });
    assert.match(model.tokenizer.decode(answers[0].ids), /Paris/);
  });

  it('gives the log-probabilities and the perplexity of a paragraph', async () => {
    const { ids, logps, perplexity } = golden.paragraph;
    const sequence = { prompt: ids.slice(0, 1), response: ids.slice(1) };
    const [found] = await last(responseLogps(model, undefined, [sequence]));
    assert.equal(found.length, logps.length);
    for (const [k, logp] of found.entries()) assertWithin(logp, logps[k], 2e-3, `log-probability of token ${k + 1}`);
    const ours = Math.exp(-found.reduce((sum, logp) => sum + logp, 0) / found.length);
    assertWithin(ours, perplexity, 1e-3 * perplexity, 'perplexity');
  });

  it('gives the logits after the paragraph', async () => {
    const { ids, lastLogitsTop5 } = golden.paragraph;
    const logits = (await logitsOf(model, undefined, ids)).slice(-model.config.vocabulary);
    const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
    assert.deepEqual(
      order.slice(0, 5),
      lastLogitsTop5.map(([id]) => id),
    );
    for (const [id, logit] of lastLogitsTop5) assertWithin(logits[id], logit, 2e-3, `logit of ${id}`);
  });

  it('gives the loss and the gradients of a PEFT adapter', async () => {
    const { promptIds, completionIds, loss, gradients, gradientNorm } = golden.adapter;
    const adapter = activate(readAdapter(peftFolder));
    const out = await runRow(model, adapter, { prompt: promptIds, response: completionIds }, { gradients: 'each' });
    assertWithin(out.loss[0], loss, 1e-3, 'loss');
    const norms = new Map(
      Object.entries(out)
        .filter(([name]) => name.startsWith('gradient/'))
        .map(([name, values]) => [name, Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))]),
    );
    assert.equal(norms.size, 2 * llamaModules.length * model.config.layers);
    assert.ok(Object.keys(gradients).length > 0);
    for (const [name, { norm, first8 }] of Object.entries(gradients)) {
      const key = `gradient/base_model.model.${name}`;
      assertWithin(norms.get(key) ?? Number.NaN, norm, 5e-3 * norm, `norm of the gradient of ${name}`);
      const largest = Math.max(...first8.map(Math.abs));
      for (const [k, value] of first8.entries()) {
        assertWithin(out[key][k], value, 1e-3 * largest, `entry ${k} of the gradient of ${name}`);
      }
    }
    assertWithin(Math.hypot(...norms.values()), gradientNorm, 5e-3 * gradientNorm, 'norm of all gradients');
  });

  it('gives equal logits with an adapter in training, and with its folder read again', async () => {
    const learner = learnerFrom(model, peftFolder);
    writeAdapter(join(own.path, 'saved'), learner.adapter(), { baseModelPath: model.base.path });
    const loaded = readAdapter(join(own.path, 'saved'));
    checkAdapter(loaded, model.config);
    const { promptIds } = golden.adapter;
    const [bare, before, after] = [
      await logitsOf(model, undefined, promptIds),
      await logitsOf(model, learner.active, promptIds),
      await logitsOf(model, activate(loaded), promptIds),
    ];
    assert.ok(
      bare.some((logit, k) => Math.abs(logit - before[k]) > 0.1),
      'the adapter changes nothing',
    );
    assert.deepEqual(after, before);
    await learner.release();
  });

  it('writes a folder with the names, shapes and configuration keys of the one that PEFT wrote', () => {
    const learner = learnerFrom(model, peftFolder);
    const ownFolder = join(own.path, 'compared');
    writeAdapter(ownFolder, learner.adapter(), { baseModelPath: '.' });
    const [ours, theirs] = [readAdapter(ownFolder), readAdapter(peftFolder)];
    const shapes = ({ tensors }: typeof ours) => [...tensors].map(([name, { shape }]) => [name, shape]).sort();
    assert.deepEqual(shapes(ours), shapes(theirs));
    const config = (folder: string) => {
      const parsed = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'));
      return { ...parsed, target_modules: parsed.target_modules.sort() };
    };
    assert.deepEqual(config(ownFolder), config(peftFolder));
  });
});

/** A learner whose parameters are those of a folder. */
function learnerFrom(model: Model, folder: string): Learner {
  const from = readAdapter(folder);
  const lora = { rank: from.rank, targetModules: from.targetModules };
  const trained = { kind: 'adapter', lora, alpha: from.alpha } as const;
  const state = freshOptimiser(initialParameters(trainedLayout(model.config, trained), 0, from));
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradientNorm: 1 };
  return new Learner(model, trained, state, options);
}

/** Every token's logits, [T, V] in one array. */
async function logitsOf(model: Model, adapter: ActiveAdapter | undefined, ids: readonly number[]) {
  const { logits } = await runRow(model, adapter, { prompt: ids, response: [] });
  return logits;
}

/** Runs one row. With a response: `loss`, the mean over its tokens. Without: `logits` of every token. */
async function runRow(
  model: Model,
  adapter: ActiveAdapter | undefined,
  sequence: { readonly prompt: readonly number[]; readonly response: readonly number[] },
  options?: CompileOptions,
): Promise<Record<string, Float32Array>> {
  const { response } = sequence;
  const { ids, reads } = response.length > 0 ? predictionRow(sequence) : { ids: sequence.prompt, reads: [] };
  const build = (ops: OpBuilder): Record<string, Tensor> => {
    const context = adapterContext(ops, adapter?.lora);
    const hidden = hiddenStates(context, model.config, tokenInputs(ops, 1, ids.length)); // [T, D]
    const matrix = outputMatrix(context, model.config);
    assert.ok(isFrozen(matrix));
    if (reads.length === 0) return { logits: ops.frozenLinear(hidden, matrix) };
    const read = ops.gatherRows(hidden, ops.constant(reads, [reads.length], 'int32')); // [P, D]
    const target = ops.constant(response, [reads.length], 'int32');
    const logps = ops.tokenLogProbability(read, matrix, target, ops.constant(1));
    const weights = ops.constant(
      reads.map(() => 1 / reads.length),
      [reads.length],
    );
    return { loss: completionLoss(ops, logps, weights) };
  };
  const session = await compile(build, options);
  try {
    const outputs = await session.run({
      ...model.feeds,
      ...adapterFeeds(adapter),
      ids: Int32Array.from(ids),
      positions: Int32Array.from(ids, (_, k) => k),
      segments: new Int32Array(ids.length).fill(1),
    });
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}

/** What a generator returns once it is done. */
async function last<Result>(generator: AsyncGenerator<unknown, Result>): Promise<Result> {
  for (;;) {
    const next = await generator.next();
    if (next.done) return next.value;
  }
}

function assertWithin(found: number, expected: number, distance: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= distance, `${what}: ${found}, expected ${expected} ± ${distance}`);
}
