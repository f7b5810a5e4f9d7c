import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LlamaConfig } from '../../../../models/llama.ts';
import {
  adapterShapes,
  checkAdapter,
  LORA_MODULES,
  REWARD_BIAS_KEY,
  readAdapter,
  SCORE_NAME,
  writeAdapter,
} from '../../../../server/engine/weights/adapters.ts';
import { describeModel } from '../../../../server/engine/weights/load.ts';
import type { Adapter, WeightTensor } from '../../../../server/engine/weights/types.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { testDataOrSkip } from '../../../support/testData.ts';
import { smallConfig } from './builders.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

/** An adapter of rank 3 for the small model, every number another. */
function smallAdapter(
  task: Adapter['task'],
  targetModules: readonly string[] = LORA_MODULES,
  config: LlamaConfig = smallConfig,
): Adapter {
  let next = 0;
  const shapes = adapterShapes(config, 3, targetModules);
  if (task === 'SEQ_CLS') shapes.push({ name: SCORE_NAME, shape: [1, config.width] });
  const tensors = shapes.map(({ name, shape }): [string, WeightTensor] => {
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => Math.sin(++next));
    return [name, { shape, data }];
  });
  const metadata: Record<string, string> =
    task === 'SEQ_CLS' ? { format: 'pt', [REWARD_BIAS_KEY]: '-0.125' } : { format: 'pt' };
  return { rank: 3, alpha: 6, targetModules, task, tensors: new Map(tensors), metadata };
}

describe('adapters', () => {
  const folder = temporaryFolder();

  it('lists shapes layer by layer, module by module, A before B', () => {
    const shapes = adapterShapes(smallConfig, 3, ['down_proj', 'k_proj']);
    assert.deepEqual(
      shapes.map(({ name, shape }) => `${name.slice('base_model.model.model.layers.'.length)} ${shape}`),
      [0, 1].flatMap((layer) => [
        `${layer}.self_attn.k_proj.lora_A.weight 3,32`,
        `${layer}.self_attn.k_proj.lora_B.weight 16,3`,
        `${layer}.mlp.down_proj.lora_A.weight 3,64`,
        `${layer}.mlp.down_proj.lora_B.weight 32,3`,
      ]),
    );
  });

  for (const task of ['CAUSAL_LM', 'SEQ_CLS'] as const) {
    it(`reads back what it wrote: ${task}`, () => {
      const target = join(folder.path, task);
      const adapter = smallAdapter(task);
      writeAdapter(target, adapter, { baseModelPath: '/models/base' });
      const read = readAdapter(target);
      checkAdapter(read, smallConfig);
      assert.deepEqual(
        { ...read, tensors: new Map([...read.tensors].sort()) },
        { ...adapter, tensors: new Map([...adapter.tensors].sort()) },
      );
      const config = JSON.parse(readFileSync(join(target, 'adapter_config.json'), 'utf8'));
      assert.equal(config.base_model_name_or_path, '/models/base');
      assert.deepEqual(config.modules_to_save, task === 'SEQ_CLS' ? ['score'] : null);
    });
  }

  it('names what is missing, unexpected and of another shape', () => {
    const adapter = smallAdapter('CAUSAL_LM', ['q_proj', 'v_proj']);
    const tensors = new Map(adapter.tensors);
    const [a, b] = [...tensors.keys()];
    tensors.delete(a);
    tensors.set(b, { shape: [3, 32], data: new Float32Array(96) });
    tensors.set('base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight', {
      shape: [3, 32],
      data: new Float32Array(96),
    });
    assert.throws(
      () => checkAdapter({ ...adapter, tensors }, smallConfig, 'DIR'),
      refused(
        /^DIR: .*Missing: .*layers\.0\.self_attn\.q_proj\.lora_A.*Unexpected: .*layers\.9.*another shape.*\[3, 32\] instead of \[32, 3\]/,
      ),
    );
    assert.throws(() => checkAdapter(adapter, { ...smallConfig, layers: 3 }), refused(/Missing: .*layers\.2/));
    assert.throws(
      () => checkAdapter({ ...adapter, task: 'SEQ_CLS' }, smallConfig),
      refused(/Missing: base_model\.model\.score\.weight/),
    );
  });

  it('refuses options that change the computation, by name', () => {
    const target = join(folder.path, 'options');
    writeAdapter(target, smallAdapter('CAUSAL_LM'), { baseModelPath: '.' });
    const path = join(target, 'adapter_config.json');
    const original = JSON.parse(readFileSync(path, 'utf8'));
    const readWith = (changes: object) => {
      writeFileSync(path, JSON.stringify({ ...original, ...changes }));
      return readAdapter(target);
    };
    const cases: [object, RegExp][] = [
      [{ peft_type: 'IA3' }, /peft_type/],
      [{ task_type: 'SEQ_2_SEQ_LM' }, /task_type/],
      [{ r: 0 }, /adapter_config\.json: r: /],
      [{ r: 2.5 }, /adapter_config\.json: r: /],
      [{ lora_alpha: 'eight' }, /lora_alpha/],
      [{ target_modules: ['query_key_value'] }, /target_modules/],
      [{ target_modules: [] }, /target_modules/],
      [{ use_dora: true }, /use_dora is true/],
      [{ use_rslora: true }, /use_rslora/],
      [{ rank_pattern: { q_proj: 8 } }, /rank_pattern/],
      [{ alpha_pattern: { q_proj: 8 } }, /alpha_pattern/],
      [{ bias: 'all' }, /bias/],
      [{ modules_to_save: ['lm_head'] }, /modules_to_save/],
      [{ modules_to_save: ['score'] }, /modules_to_save/],
      [{ layers_to_transform: [0] }, /layers_to_transform/],
      [{ init_lora_weights: 'pissa_niter_4' }, /init_lora_weights/],
      [{ trainable_token_indices: [5] }, /trainable_token_indices/],
      [{ an_option_of_tomorrow: { on: true } }, /an_option_of_tomorrow/],
    ];
    for (const [changes, pattern] of cases)
      assert.throws(() => readWith(changes), refused(pattern), JSON.stringify(changes));
    assert.equal(readWith({ fan_in_fan_out: true }).rank, 3, 'PEFT itself corrects it');
    assert.equal(readWith({ lora_dropout: 0.1, init_lora_weights: 'gaussian', an_option_of_tomorrow: null }).rank, 3);
  });

  it('refuses what is no adapter, a pickle, damaged numbers and a damaged bias', () => {
    assert.throws(() => readAdapter(folder.path), refused(/is not an adapter: it has no adapter_config\.json/));
    const target = join(folder.path, 'damaged');
    const adapter = smallAdapter('SEQ_CLS');
    writeAdapter(target, { ...adapter, metadata: { [REWARD_BIAS_KEY]: 'high' } }, { baseModelPath: '.' });
    assert.throws(() => readAdapter(target), refused(/palate\.reward\.bias is "high"; a number is expected/));
    (adapter.tensors.get(SCORE_NAME) as WeightTensor).data[4] = NaN;
    writeAdapter(target, adapter, { baseModelPath: '.' });
    assert.throws(() => readAdapter(target), refused(/score\.weight" holds NaN \(number 4\)/));
    writeFileSync(join(target, 'adapter_model.safetensors'), Buffer.from([0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0]));
    assert.throws(() => readAdapter(target), refused(/is a Python pickle/));
  });

  it('saves the given PEFT folder with the same bytes, shapes and config keys', function () {
    const data = testDataOrSkip(this, 'SmolLM2-135M-Instruct');
    const given = join(data, 'adapter');
    const adapter = readAdapter(given);
    checkAdapter(adapter, describeModel(join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf')).config);
    assert.deepEqual([adapter.rank, adapter.alpha, adapter.task, adapter.tensors.size], [4, 8, 'CAUSAL_LM', 420]);
    const target = join(folder.path, 'smollm');
    writeAdapter(target, adapter, { baseModelPath: '.' });
    const [theirs, ours] = [given, target].map((path) => readFileSync(join(path, 'adapter_model.safetensors')));
    assert.ok(theirs.equals(ours));
    const configs = [given, target].map((path) => JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')));
    for (const config of configs) config.target_modules.sort();
    assert.deepEqual(configs[1], configs[0]);
  });
});
