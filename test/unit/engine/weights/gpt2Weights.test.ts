import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Gpt2Config } from '../../../../models/gpt2.ts';
import { readAdapter, targetsOf, writeAdapter } from '../../../../server/engine/weights/adapters.ts';
import { readGpt2Config, writeGpt2Config } from '../../../../server/engine/weights/gpt2Weights.ts';
import { describeModel, loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { readSafetensors, writeSafetensors } from '../../../../server/engine/weights/safetensors.ts';
import { writeBaseModel } from '../../../../server/engine/weights/saveBase.ts';
import { UserError } from '../../../../server/errors.ts';
import { goldenFolder } from '../../../support/goldenModels.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { smallConfig } from './builders.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);
const path = '/models/x/config.json';
const config: Gpt2Config = {
  family: 'gpt2',
  layers: 2,
  width: 16,
  heads: 4,
  keyValueHeads: 4,
  headWidth: 4,
  feedForward: 24,
  vocabulary: 64,
  normEpsilon: 1e-6,
  tiedEmbedding: false,
  maxPositions: 32,
};

describe('GPT-2', () => {
  const folder = temporaryFolder();
  const golden = join(goldenFolder, 'gpt2');
  const place = (name: string) => join(folder.path, name);

  it('config.json: reads back what is written, and takes what is left out from Transformers', () => {
    assert.deepEqual(readGpt2Config(path, writeGpt2Config(config)), config);
    const least = readGpt2Config(path, { n_layer: 1, n_embd: 8, n_head: 2, vocab_size: 9 });
    const { feedForward, normEpsilon, tiedEmbedding, maxPositions } = least;
    assert.deepEqual([feedForward, normEpsilon, tiedEmbedding, maxPositions], [32, 1e-5, true, 1024]);
  });

  it('config.json: refuses other computations and absurd numbers, naming the key', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ activation_function: 'gelu' }, /config\.json: activation_function is "gelu": another activation/],
      [{ activation_function: 'relu' }, /activation_function is "relu"/],
      [{ scale_attn_weights: false }, /scale_attn_weights is false/],
      [{ scale_attn_by_inverse_layer_idx: true }, /scale_attn_by_inverse_layer_idx is true/],
      [{ add_cross_attention: true }, /cross attention is not supported/],
      [{ quantization_config: {} }, /quantised weights/],
      [{ n_layer: 1e9 }, /n_layer is 1,000,000,000; a whole number from 1 to 1,000 is possible/],
      [{ n_head: 3 }, /n_embd \/ n_head is 5\.333/],
      [{ n_positions: 0 }, /n_positions is 0/],
      [{ n_inner: '24' }, /config\.json: n_inner: /],
      [{ n_embd: undefined }, /config\.json: n_embd: /],
    ];
    for (const [changes, pattern] of cases) {
      const json = { ...writeGpt2Config(config), ...changes };
      assert.throws(() => readGpt2Config(path, json), refused(pattern), JSON.stringify(changes));
    }
  });

  it('reads the first files of GPT-2: names without "transformer.", masks among the weights, a copy of the embedding', async () => {
    cpSync(golden, place('first'), { recursive: true });
    const file = join(place('first'), 'model.safetensors');
    const { tensors } = readSafetensors(file);
    const renamed = new Map([...tensors].map(([name, tensor]) => [name.replace('transformer.', ''), tensor] as const));
    renamed.set('h.0.attn.bias', { shape: [1, 1, 2, 2], data: new Float32Array(4) });
    renamed.set('lm_head.weight', renamed.get('wte.weight') as NonNullable<ReturnType<typeof renamed.get>>);
    writeSafetensors(file, renamed);
    const [first, now] = [await loadBaseModel(place('first')), await loadBaseModel(golden)];
    assert.deepEqual(first.weights, now.weights);
    renamed.delete('wpe.weight');
    writeSafetensors(file, renamed);
    assert.throws(() => describeModel(place('first')), refused(/Missing: transformer\.wpe\.weight/));
  });

  it('saves a base whose file holds the matrices as Transformers does', async () => {
    const model = await loadBaseModel(golden);
    writeBaseModel(place('saved'), { ...model, format: 'F32' });
    assert.deepEqual(
      readSafetensors(join(place('saved'), 'model.safetensors')).tensors,
      readSafetensors(join(golden, 'model.safetensors')).tensors,
    );
    const again = await loadBaseModel(place('saved'));
    assert.deepEqual([again.config, again.weights], [model.config, model.weights]);
  });

  it("adapters say fan_in_fan_out, as PEFT's own do, and are read without it", () => {
    const adapter = readAdapter(join(golden, 'adapter'));
    writeAdapter(place('adapter'), adapter, { baseModelPath: 'gpt2' });
    const file = join(place('adapter'), 'adapter_config.json');
    const keys = (text: string) => {
      const json = JSON.parse(text);
      return { ...json, target_modules: json.target_modules.sort(), peft_version: '' };
    };
    const written = keys(readFileSync(file, 'utf8'));
    assert.deepEqual(written, keys(readFileSync(join(golden, 'adapter', 'adapter_config.json'), 'utf8')));
    writeFileSync(file, JSON.stringify({ ...written, fan_in_fan_out: false }));
    assert.deepEqual(readAdapter(place('adapter')).tensors, adapter.tensors);
  });

  it('is adapted in every linear layer where nothing else is asked for', () => {
    assert.deepEqual(targetsOf(config, undefined), ['c_attn', 'c_proj', 'c_fc']);
    assert.deepEqual(targetsOf(config, ['c_fc']), ['c_fc']);
    assert.equal(targetsOf(smallConfig, undefined).length, 7);
    const pattern = /targetModules: this model has no "q_proj"; it has c_attn, c_proj, c_fc\./;
    assert.throws(() => targetsOf(config, ['c_fc', 'q_proj']), refused(pattern));
  });
});
