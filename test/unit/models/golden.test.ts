import assert from 'node:assert/strict';
import { join } from 'node:path';
import { scalarHead, scoreName } from '../../../models/heads.ts';
import type { NetworkContext } from '../../../models/layers.ts';
import {
  hiddenStates,
  linearModules,
  type ModelConfig,
  networkOf,
  outputMatrix,
  tokenInputs,
  weightShapes,
} from '../../../models/network.ts';
import { isFrozen, type OpBuilder, type Tensor } from '../../../models/ops.ts';
import { compile } from '../../../server/engine/onnx/program.ts';
import type { CompileOptions, Feeds } from '../../../server/engine/runtime.ts';
import { checkAdapter, readAdapter } from '../../../server/engine/weights/adapters.ts';
import { turned } from '../../../server/engine/weights/gpt2Weights.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import type { BaseModel } from '../../../server/engine/weights/types.ts';
import { type Differentiated, type GoldenRows, goldenFolder, goldenModels } from '../../support/goldenModels.ts';
import { ReferenceBuilder, valueOf } from '../../support/reference.ts';

// What Transformers and PEFT compute with tiny models (test/support/golden/README.md): the whole network and its
// gradients, judged by code that shares nothing with ours.

for (const { name, model } of goldenModels) {
  describe(`golden values of the ${name} model`, () => {
    let loaded: BaseModel;
    let config: ModelConfig;
    let feeds: Arrays;
    let adapted: Arrays;
    const completion = { ...completionPositions(model.rows).feeds, temperature: scalar(1) };

    before(async () => {
      loaded = await loadBaseModel(join(goldenFolder, model.folder));
      config = loaded.config;
      feeds = { ...baseFeeds(loaded), ...rowFeeds(model.rows) };
      adapted = { ...feeds, ...adapterFeeds(model.adapter.folder, config) };
    });

    it('has the weights that Transformers gives the same configuration', () => {
      const shapes = [...loaded.weights].map(([weight, { shape }]) => [weight, shape]);
      assert.deepEqual(weightShapes(config).sort(), shapes.sort());
      assert.deepEqual(Object.keys(model.fullParameter.norms).sort(), shapes.map(([weight]) => weight).sort());
    });

    it('has the tokenizer and chat template of Transformers', () => {
      const { tokenizer } = loaded;
      for (const { text, ids, decoded } of model.tokenizer.texts) {
        assert.deepEqual(tokenizer.encode(text), ids, text);
        assert.equal(tokenizer.decode(ids), decoded);
      }
      const { messages, ids, generationIds } = model.tokenizer.chat;
      assert.deepEqual(tokenizer.encodeChat(messages, { generationPrompt: false }), ids);
      assert.deepEqual(tokenizer.encodeChat(messages.slice(0, 1), { generationPrompt: true }), generationIds);
    });

    it('gives the logits of every real token', async () => {
      const { logits } = await run((ops) => ({ logits: logitsOf(frozen(ops), config, model.rows) }), feeds);
      assertClose(realRows(logits, model.rows), model.base.logits.flat(2), 1e-5, 'logits');
    });

    it('gives them in the Float64 reference too', () => {
      const builder = new ReferenceBuilder(feeds);
      const logits = valueOf(logitsOf(frozen(builder), config, model.rows)).data;
      assertClose(realRows(logits, model.rows), model.base.logits.flat(2), 1e-5, 'logits');
    });

    it('gives the log-probability of every token but the first, and the entropy before it', async () => {
      const { base: values, rows } = model;
      const at = lossPositions(rows, () => 1);
      const cases = [
        [1, values.logps],
        [values.temperature, values.logpsAtTemperature],
      ] as const;
      for (const [temperature, logps] of cases) {
        const build = (ops: OpBuilder) => tokenOutputs(frozen(ops), config, rows, at);
        const out = await run(build, { ...feeds, ...at.feeds, temperature: scalar(temperature) });
        assertClose(out.logps, logps.flat(), 1e-5, `logps at ${temperature}`);
        if (temperature === 1) continue;
        assertClose(out.entropy, values.entropyAtTemperature.flat(), 1e-5, `entropy at ${temperature}`);
      }
    });

    it('gives the logits and log-probabilities with the PEFT adapter', async () => {
      const { logits } = await run((ops) => ({ logits: logitsOf(withLora(ops), config, model.rows) }), adapted);
      const last = realRows(logits, model.rows, ({ length }) => [length - 1]);
      assertClose(last, model.adapter.lastLogits.flat(), 1e-5, 'logits');
      const at = lossPositions(model.rows, () => 1);
      const build = (ops: OpBuilder) => tokenOutputs(withLora(ops), config, model.rows, at);
      const { logps } = await run(build, { ...adapted, ...at.feeds, temperature: scalar(1) });
      assertClose(logps, model.adapter.logps.flat(), 1e-5, 'logps');
    });

    for (const recompute of [false, true]) {
      const how = recompute ? ', recomputed in segments' : '';
      it(`gives the loss and gradients of the adapter${how}`, async () => {
        const options = { gradients: 'each' as const };
        const inputs = { ...adapted, ...completion };
        const out = await run((ops) => completionLoss(withLora(ops), config, model.rows, recompute), inputs, options);
        assertGradients(out, model.adapter);
      });

      it(`gives the loss and gradients of every weight of the base${how}`, async () => {
        const options = { gradients: 'each' as const };
        const context = (ops: OpBuilder): NetworkContext => ({ ops, train: 'base' });
        const inputs = { ...feeds, ...completion };
        const out = await run((ops) => completionLoss(context(ops), config, model.rows, recompute), inputs, options);
        assertGradients(out, asInMemory(config, model.fullParameter));
      });
    }

    it('is the bare base where the LoRA scale is 0', async () => {
      const bare = { ...adapted, scale: scalar(0) };
      const { logits } = await run((ops) => ({ logits: logitsOf(withLora(ops), config, model.rows) }), bare);
      assertClose(realRows(logits, model.rows), model.base.logits.flat(2), 1e-5, 'logits');
    });

    const { reward } = model;
    if (reward === undefined) return;
    it('gives the scores, Bradley–Terry loss and gradients of a reward model that PEFT saved', async () => {
      const inputs = { ...feeds, ...rowFeeds(reward.rows), ...adapterFeeds(reward.folder, config) };
      const build = (ops: OpBuilder) => pairLoss(withLora(ops), config, reward.rows);
      const out = await run(build, inputs, { gradients: 'each' });
      assert.ok(scoreName in reward.bradleyTerry.norms);
      assertClose(out.scores, reward.scores, 1e-5, 'scores');
      assertGradients(out, reward.bradleyTerry);
    });
  });
}

// --- what is computed -------------------------------------------------------------------------------------------------
function frozen(ops: OpBuilder): NetworkContext {
  return { ops, train: 'adapter' };
}

function withLora(ops: OpBuilder): NetworkContext {
  return { ops, train: 'adapter', lora: { rank: 4, targetModules: linearModules }, loraScale: ops.input('scale', []) };
}

/** [B·T, V] */
function logitsOf(context: NetworkContext, config: ModelConfig, rows: GoldenRows): Tensor {
  const hidden = hiddenStates(context, config, tokenInputs(context.ops, rows.ids.length, rows.ids[0].length));
  const output = outputMatrix(context, config);
  assert.ok(isFrozen(output));
  return context.ops.frozenLinear(hidden, output);
}

/** The log-probability of each target, and the entropy of the distribution it was drawn from, each [P]. */
function tokenOutputs(
  context: NetworkContext,
  config: ModelConfig,
  rows: GoldenRows,
  at: Positions,
  recompute = false,
) {
  const { ops } = context;
  const inputs = tokenInputs(ops, rows.ids.length, rows.ids[0].length);
  const hidden = hiddenStates(context, config, inputs, { recompute });
  const read = ops.gatherRows(hidden, ops.input('read', [at.count], 'int32')); // [P, D]
  const output = outputMatrix(context, config);
  const temperature = ops.input('temperature', []);
  const target = ops.input('target', [at.count], 'int32');
  return {
    logps: ops.tokenLogProbability(read, output, target, temperature),
    entropy: ops.tokenEntropy(read, output, temperature),
  };
}

/** Mean over the completion tokens of all rows, end tokens included. */
function completionLoss(context: NetworkContext, config: ModelConfig, rows: GoldenRows, recompute: boolean) {
  const { ops } = context;
  const at = completionPositions(rows);
  const { logps } = tokenOutputs(context, config, rows, at, recompute);
  return { loss: ops.neg(ops.mean(logps)) };
}

/** Scores [B] of the last real tokens, and the loss of the pairs (0, 1), (2, 3), … */
function pairLoss(context: NetworkContext, config: ModelConfig, rows: GoldenRows) {
  const { ops } = context;
  const batch = rows.ids.length;
  const hidden = hiddenStates(context, config, tokenInputs(ops, batch, rows.ids[0].length));
  const last = rows.lengths.map((length, row) => row * rows.ids[0].length + length - 1);
  const scores = scalarHead(ops, ops.gatherRows(hidden, ops.constant(last, [batch], 'int32')));
  const pairs = ops.reshape(scores, [batch / 2, 2]);
  const margin = ops.sub(ops.slice(pairs, 1, 0, 1), ops.slice(pairs, 1, 1, 2));
  return { scores, loss: ops.mean(ops.softplus(ops.neg(margin))) };
}

// --- what is fed ------------------------------------------------------------------------------------------------------
type Arrays = Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>;

function scalar(value: number) {
  return { shape: [], data: Float32Array.of(value) };
}

function integers(values: readonly number[], shape: readonly number[] = [values.length]) {
  return { shape, data: Int32Array.from(values) };
}

function baseFeeds({ config, weights }: BaseModel): Arrays {
  const shape = [config.maxPositions, config.headWidth / 2];
  const tables = Object.fromEntries(
    Object.entries(networkOf(config).tables()).map(([name, data]) => [name, { shape, data }]),
  );
  return { ...Object.fromEntries(weights), ...tables };
}

/** The tensors of a PEFT folder, and its LoRA scale. */
function adapterFeeds(path: string, config: ModelConfig): Arrays {
  const adapter = readAdapter(join(goldenFolder, path));
  checkAdapter(adapter, config);
  return { ...Object.fromEntries(adapter.tensors), scale: scalar(adapter.alpha / adapter.rank) };
}

/** Padding is a segment of its own: masks come from lengths, and here the padding is a real token's id. */
function rowFeeds({ ids, lengths }: GoldenRows): Arrays {
  return {
    ids: integers(ids.flat()),
    positions: integers(ids.flatMap((row) => row.map((_, t) => t))),
    segments: integers(
      ids.flatMap((row, r) => row.map((_, t) => (t < lengths[r] ? 0 : 1))),
      [ids.length, ids[0].length],
    ),
  };
}

interface Positions {
  readonly count: number;
  readonly feeds: Arrays;
}

/** Tokens `first(row)` … length − 1 of each row: which hidden state predicts each (the one before), and its id. */
function lossPositions({ ids, lengths }: GoldenRows, first: (row: number) => number): Positions {
  const read: number[] = [];
  const target: number[] = [];
  for (const [row, length] of lengths.entries()) {
    for (let t = first(row); t < length; t++) {
      read.push(row * ids[row].length + t - 1);
      target.push(ids[row][t]);
    }
  }
  return { count: read.length, feeds: { read: integers(read), target: integers(target) } };
}

function completionPositions(rows: GoldenRows): Positions {
  return lossPositions(rows, (row) => rows.promptLengths[row]);
}

/** Compiles, runs once, releases. */
async function run(build: (ops: OpBuilder) => Record<string, Tensor>, feeds: Feeds, options?: CompileOptions) {
  const session = await compile(build, options);
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}

// --- what is compared -------------------------------------------------------------------------------------------------
/** GoldenRows of values [B·T, V] at the chosen tokens of each row (all real ones by default), joined. */
function realRows(
  values: ArrayLike<number>,
  { ids, lengths }: GoldenRows,
  choose = ({ length }: { length: number }): number[] => Array.from({ length }, (_, t) => t),
): number[] {
  const time = ids[0].length;
  const width = values.length / (ids.length * time);
  const tokens = lengths.flatMap((length, row) => choose({ length }).map((t) => row * time + t));
  return tokens.flatMap((token) => Array.from({ length: width }, (_, k) => values[token * width + k]));
}

/** Gradients in the orientation of Palate's matrices. */
function asInMemory(config: ModelConfig, expected: Differentiated): Differentiated {
  const gradients = Object.entries(expected.gradients).map(([name, { shape, values }]) => {
    const { data } = turned(config, name, { shape, data: Float32Array.from(values) });
    return [name, { shape, values: [...data] }] as const;
  });
  return { ...expected, gradients: Object.fromEntries(gradients) };
}

function assertGradients(out: Readonly<Record<string, Float32Array>>, expected: Differentiated): void {
  assertClose(out.loss, [expected.loss], 1e-5, 'loss');
  const names = Object.keys(out).filter((name) => name.startsWith('gradient/'));
  const expectedNames = Object.keys(expected.norms).map((name) => `gradient/${name}`);
  assert.deepEqual(names.sort(), expectedNames.sort());
  const norms = Object.keys(expected.norms).map((name) => Math.hypot(...out[`gradient/${name}`]));
  for (const [k, [name, norm]] of Object.entries(expected.norms).entries()) {
    assertClose([norms[k]], [norm], 2e-5, `norm of the gradient of ${name}`);
  }
  assertClose([Math.hypot(...norms)], [expected.gradientNorm], 2e-5, 'norm of all gradients');
  for (const [name, { values }] of Object.entries(expected.gradients)) {
    assertClose(out[`gradient/${name}`], values, 2e-5, `gradient of ${name}`);
  }
}

/** The largest difference, in parts of the largest expected value. */
function assertClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(found.length, expected.length, what);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce((most, value, k) => Math.max(most, Math.abs(value - found[k])), 0); // NaN stays
  assert.ok(worst <= tolerance * largest, `${what}: off by ${worst / largest} of the largest; ${tolerance} is allowed`);
}
