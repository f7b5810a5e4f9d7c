import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rotaryDivisors } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';
import { exportModel } from '../../../server/engine/export.ts';
import { activate, Model } from '../../../server/engine/model.ts';
import { responseLogps } from '../../../server/engine/scoring.ts';
import { readAdapter } from '../../../server/engine/weights/adapters.ts';
import { withFile } from '../../../server/engine/weights/files.ts';
import { readGguf } from '../../../server/engine/weights/gguf.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import { UserError } from '../../../server/errors.ts';
import type { ExportFormat, ExportParams } from '../../../server/protocol/engine.ts';
import { relativeError } from '../../support/close.ts';
import { goldenFolder, goldenModels, leavesAsGguf } from '../../support/goldenModels.ts';
import { llamaConfig } from '../../support/llamaConfig.ts';
import { resultOf } from '../../support/stages.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { smallConfig, smallFamilies, smallTokenizerJson, smallWeights } from './weights/builders.ts';
import { writeModelFile, writeModelFolder } from './weights/modelFolder.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);
const golden = (...names: string[]) => join(goldenFolder, ...names);

describe('exporting a model', () => {
  const folder = temporaryFolder();
  const place = (name: string) => join(folder.path, name);
  const exported = async (params: ExportParams) => (await resultOf(exportModel(params))).out;

  /** How far the log-probabilities of every format lie from those that PEFT gave: parts of the largest. */
  const tolerances: Readonly<Record<ExportFormat, number>> = { safetensors: 1e-5, 'gguf-f16': 2e-3, 'gguf-q8_0': 4e-2 };
  for (const { name, model } of goldenModels) {
    for (const [format, tolerance] of Object.entries(tolerances) as [ExportFormat, number][]) {
      if (format !== 'safetensors' && !leavesAsGguf(name)) continue;
      it(`${name} with its adapter as ${format}: log-probabilities and tokenizer as before`, async () => {
        const out = place(format === 'safetensors' ? name : `${name}-${format}.gguf`);
        await exported({ model: golden(name), adapter: golden(name, 'adapter'), out, format });
        const before = await loadBaseModel(golden(name));
        const after = await loadBaseModel(out);
        assert.deepEqual(withoutRounding(after.config), withoutRounding(before.config));
        const found = await logpsOf(new Model(after), model.rows);
        // The weights of untied are bfloat16, and stay so: the adapter is rounded to them.
        const allowed = name === 'untied' && format === 'safetensors' ? 1e-2 : tolerance;
        assert.ok(
          relativeError(found, model.adapter.logps.flat()) <= allowed,
          `off by ${relativeError(found, model.adapter.logps.flat())}`,
        );
        for (const { text, ids } of model.tokenizer.texts) assert.deepEqual(after.tokenizer.encode(text), ids, text);
        const { messages, ids } = model.tokenizer.chat;
        assert.deepEqual(after.tokenizer.encodeChat(messages, { generationPrompt: false }), ids);
        assert.deepEqual(after.tokenizer.endIds, before.tokenizer.endIds);
      });
    }
  }

  it('is not the bare base', async () => {
    const { model } = goldenModels[0];
    const base = new Model(await loadBaseModel(golden('tied')));
    const adapter = activate(readAdapter(golden('tied', 'adapter')));
    const [bare, adapted] = [await logpsOf(base, model.rows), await logpsOf(base, model.rows, adapter)];
    assert.ok(relativeError(bare, adapted) > 0.1);
  });

  it('without an adapter the weights are the same, exactly where the format allows it', async () => {
    for (const [name, shape] of Object.entries({ ...smallFamilies, plain: smallConfig })) {
      const source = writeModelFolder(place(`exact-${name}`), { shape });
      const half = await exported({ model: source, out: place(`exact-${name}.gguf`) });
      const again = await exported({ model: half, out: place(`exact-${name}-again`) });
      const third = await exported({ model: half, out: place(`exact-${name}-third.gguf`), format: 'gguf-f16' });
      // Multiples of 1/64 below 2 have a place in half precision.
      for (const path of [half, again, third]) {
        const model = await loadBaseModel(path);
        assert.deepEqual(model.weights, smallWeights(shape), path);
        assert.deepEqual(model.config, shape, path);
      }
      assert.deepEqual(readFileSync(third), readFileSync(half));
    }
  });

  it('copies what a Hugging Face folder says, and only names the new type of numbers', async () => {
    const changes = { config: { torch_dtype: 'float64', unknown_key: [1] }, tokenizerConfig: { model_max_length: 7 } };
    const source = writeModelFolder(place('copied'), changes);
    writeFileSync(join(source, 'notes.txt'), 'not part of a model');
    const out = await exported({ model: source, out: place('copied-out') });
    const read = (path: string, name: string) => JSON.parse(readFileSync(join(path, name), 'utf8'));
    assert.deepEqual(read(out, 'config.json'), { ...read(source, 'config.json'), torch_dtype: 'float32' });
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      assert.deepEqual(readFileSync(join(out, name)), readFileSync(join(source, name)));
    }
    assert.deepEqual(readdirSync(out).sort(), [
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const half = writeModelFolder(place('half'), { format: 'BF16' });
    const kept = await exported({ model: half, out: place('half-out') });
    assert.equal(read(kept, 'config.json').dtype, 'bfloat16');
    assert.deepEqual(readFileSync(join(kept, 'model.safetensors')), readFileSync(join(half, 'model.safetensors')));
  });

  it("copies a GGUF file's metadata, but for how it is stored", async () => {
    const out = await exported({
      model: writeModelFile(place('source.gguf')),
      out: place('copy.gguf'),
      format: 'gguf-q8_0',
    });
    const [before, after] = [place('source.gguf'), out].map((path) => withFile(path, readGguf));
    const added = [
      ['general.file_type', 7],
      ['general.quantization_version', 2],
    ] as const;
    assert.deepEqual([...after.metadata], [...before.metadata, ...added]);
    assert.deepEqual(
      [...after.tensors.values()].map(({ name, format }) => [name, format.name]),
      [...after.tensors.values()].map(({ name, shape }) => [name, shape.length === 1 ? 'F32' : 'Q8_0']),
    );
    const twice = await exported({ model: out, out: place('twice.gguf'), format: 'gguf-q8_0' });
    assert.deepEqual(readFileSync(twice), readFileSync(out), 'Q8_0 of Q8_0 is the same');
  });

  it("writes the divisors of Llama 3's positions, which llama.cpp reads as a tensor", async () => {
    const out = await exported({ model: golden('llama3'), out: place('divisors.gguf') });
    const config = llamaConfig((await loadBaseModel(out)).config);
    assert.deepEqual(config.ropeScaling?.type, 'factors', 'not the published lengths');
    const expected = rotaryDivisors(llamaConfig((await loadBaseModel(golden('llama3'))).config));
    assert.ok(relativeError(rotaryDivisors(config), expected) < 1e-7);
    const again = await exported({ model: out, out: place('divisors') });
    assert.deepEqual((await loadBaseModel(again)).config, config);
  });

  it('tells how far it is, and leaves nothing when it is stopped', async () => {
    for (const name of ['stopped', 'stopped.gguf']) {
      const task = exportModel({ model: golden('tied'), out: place(name) });
      const events = [await task.next(), await task.next(), await task.next()].map(({ value }) => value);
      const done = events.map((event) => ('done' in event ? event.done : 0));
      assert.ok(done[0] < done[1] && done[1] < done[2], String(done));
      await task.return(undefined as never);
      assert.deepEqual(
        readdirSync(folder.path).filter((entry) => entry.includes(name)),
        [],
      );
    }
  });

  it('refuses with a sentence, and writes nothing', async () => {
    const spm = writeModelFolder(place('pieces'), {
      tokenizer: { pre_tokenizer: { type: 'Metaspace', replacement: '_' } },
    });
    const around = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '</s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
    };
    const odd = writeModelFolder(place('around'), { tokenizer: { ...smallTokenizerJson(), post_processor: around } });
    const biased = writeModelFolder(place('qwen3-biased'), {
      shape: { ...smallFamilies.qwen3, attentionBias: 'qkvo' },
    });
    const scaled = writeModelFolder(place('qwen2-scaled'), {
      shape: { ...smallFamilies.qwen2, ropeScaling: { type: 'factors', factors: [1, 2, 3, 4] } },
    });
    const weights = smallWeights();
    (weights.get('model.norm.weight') as { data: Float32Array }).data[3] = Number.NaN;
    const damaged = writeModelFolder(place('damaged'), { weights });
    const large = smallWeights();
    (large.get('lm_head.weight') as { data: Float32Array }).data[3] = 70000;
    const huge = writeModelFolder(place('huge'), { weights: large });
    const [model, taken] = [golden('tied'), folder.write('taken.gguf', 'x')];
    const cases: [ExportParams, RegExp][] = [
      [{ model: place('absent'), out: place('a') }, /There is no model at .*absent/],
      [{ model, out: taken }, /taken\.gguf is there already/],
      [{ model, out: golden('tied') }, /tied is there already/],
      [{ model, out: place('a.gguf'), format: 'safetensors' }, /safetensors is a folder.*without \.gguf/],
      [{ model, out: place('a'), format: 'gguf-q8_0' }, /gguf-q8_0 is a file.*ends in \.gguf/],
      [{ model, out: join(taken, 'a.gguf') }, /Cannot write .*: a part of the path is a file/],
      [{ model, adapter: golden('tied', 'reward'), out: place('a') }, /reward is a reward model: its score head/],
      [{ model, adapter: golden('untied', 'adapter'), out: place('a') }, /untied.adapter: the tensors do not fit/],
      [{ model, adapter: place('none'), out: place('a') }, /none is not an adapter/],
      [{ model: spm, out: place('a.gguf') }, /cuts text in a way that has no name in llama\.cpp/],
      [{ model: golden('gemma'), out: place('a.gguf') }, /tokenizer cuts text in a way that has no name in llama\.cpp/],
      [{ model: odd, out: place('a.gguf') }, /puts "<\/s>" around every text/],
      [{ model: biased, out: place('a.gguf') }, /no place for .*q_proj\.bias.* of the architecture "qwen3"/],
      [{ model: scaled, out: place('a.gguf') }, /no place for rope_freqs\.weight .* "qwen2"/],
      [{ model: damaged, out: place('a.gguf') }, /model\.norm\.weight holds NaN/],
      [{ model: huge, out: place('a.gguf') }, /output\.weight holds 70000, which F16 cannot keep/],
    ];
    for (const [params, pattern] of cases) {
      const before = readdirSync(folder.path);
      await assert.rejects(exported(params), refused(pattern), String(pattern));
      assert.deepEqual(readdirSync(folder.path), before, String(pattern));
    }
    assert.equal(readFileSync(taken, 'utf8'), 'x');
    assert.ok(existsSync(await exported({ model: huge, out: place('huge.gguf'), format: 'gguf-q8_0' })));
  });

  it('makes the folders above, fills an empty one, and follows the links of a Hugging Face cache', async () => {
    mkdirSync(place('empty'));
    assert.ok(existsSync(join(await exported({ model: golden('qwen3'), out: place('empty') }), 'config.json')));
    const deep = place('deep/er/model.gguf');
    assert.ok(existsSync(dirname(await exported({ model: golden('qwen3'), out: deep }))));
    symlinkSync(golden('qwen3'), place('link'));
    assert.ok(existsSync(await exported({ model: place('link'), out: place('from-link.gguf') })));
  });

  /** The log-probability of every token but the first of each row, joined. */
  async function logpsOf(
    model: Model,
    rows: { ids: readonly (readonly number[])[]; lengths: readonly number[] },
    adapter?: ReturnType<typeof activate>,
  ) {
    try {
      const sequences = rows.ids.map((ids, row) => ({
        prompt: ids.slice(0, 1),
        response: ids.slice(1, rows.lengths[row]),
      }));
      return (await resultOf(responseLogps(model, adapter, sequences))).flatMap((logps) => [...logps]);
    } finally {
      await model.release();
    }
  }

  /** GGUF keeps epsilon and theta as float32, and the divisors of positions instead of what they come from. */
  function withoutRounding(config: ModelConfig) {
    if (config.family !== undefined) return { ...config, normEpsilon: Math.fround(config.normEpsilon) };
    const { ropeScaling, ...rest } = config;
    const divisors = Array.from(rotaryDivisors(config), Math.fround);
    return { ...rest, normEpsilon: Math.fround(rest.normEpsilon), divisors, scaled: ropeScaling !== undefined };
  }
});
