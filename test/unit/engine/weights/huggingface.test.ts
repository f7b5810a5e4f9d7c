import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LlamaConfig, RopeScaling } from '../../../../models/llama.ts';
import { readHuggingFaceConfig, toHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { UserError } from '../../../../server/errors.ts';
import { llamaConfig } from '../../../support/llamaConfig.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { smallConfig, smallFamilies } from './builders.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

describe('Hugging Face config.json', () => {
  const folder = temporaryFolder();
  const read = (content: unknown): LlamaConfig => {
    mkdirSync(join(folder.path, 'model'), { recursive: true });
    folder.write('model/config.json', typeof content === 'string' ? content : JSON.stringify(content));
    return llamaConfig(readHuggingFaceConfig(join(folder.path, 'model')));
  };
  const readWith = (changes: Record<string, unknown>) => read({ ...toHuggingFaceConfig(smallConfig), ...changes });

  it('reads back what is written', () => {
    const other = { ...smallConfig, headWidth: 16, tiedEmbedding: true, ropeTheta: 1e6, normEpsilon: 1e-6 };
    for (const config of [smallConfig, other]) assert.deepEqual(read(toHuggingFaceConfig(config)), config);
  });

  it("takes what is left out from Transformers' LlamaConfig", () => {
    const bare = {
      ...{ model_type: 'llama', num_hidden_layers: 2, hidden_size: 32, num_attention_heads: 4 },
      ...{ intermediate_size: 64, vocab_size: 262 },
    };
    const defaults = {
      keyValueHeads: 4,
      headWidth: 8,
      ropeTheta: 10000,
      normEpsilon: 1e-6,
      tiedEmbedding: false,
      maxPositions: 2048,
    };
    assert.deepEqual(read(bare), { ...smallConfig, ...defaults });
    assert.deepEqual(read({ ...bare, head_dim: null, rope_scaling: null, num_key_value_heads: null }), {
      ...smallConfig,
      ...defaults,
    });
  });

  it('reads rope_parameters, as Transformers 5 writes them', () => {
    assert.equal(
      readWith({ rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 5e5 } }).ropeTheta,
      5e5,
    );
    assert.throws(
      () => readWith({ rope_parameters: { rope_theta: 'big' } }),
      refused(/rope_parameters\.rope_theta is "big"/),
    );
    assert.throws(() => readWith({ rope_parameters: [1] }), refused(/rope_parameters/));
    assert.throws(
      () => readWith({ rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } }),
      refused(/rope_parameters\.partial_rotary_factor is 0\.5/),
    );
  });

  it('reads and writes every way of scaling rotary positions', () => {
    const scalings: RopeScaling[] = [
      { type: 'linear', factor: 2.5 },
      { type: 'llama3', factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 32 },
      { type: 'factors', factors: [1, 1.5, 2, 8] },
    ];
    for (const ropeScaling of scalings) {
      const config = { ...smallConfig, ropeScaling };
      assert.deepEqual(read(toHuggingFaceConfig(config)), config);
    }
    const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const older = { type: 'llama3', ...llama3, original_max_position_embeddings: 16 };
    const newer = { rope_type: 'llama3', rope_theta: 5e5, ...llama3 };
    assert.deepEqual(readWith({ rope_scaling: older }).ropeScaling, { ...scalings[1], originalPositions: 16 });
    const both = readWith({ rope_theta: undefined, rope_parameters: newer });
    assert.deepEqual([both.ropeTheta, both.ropeScaling], [5e5, { ...scalings[1], originalPositions: 64 }]);
    assert.equal(readWith({ rope_scaling: { type: 'default' } }).ropeScaling, undefined);
  });

  it('refuses scalings that are damaged, by the key', () => {
    const cases: [unknown, RegExp][] = [
      [{ rope_type: 'linear' }, /rope_scaling\.factor: /],
      [{ rope_type: 'linear', factor: '2' }, /rope_scaling\.factor: /],
      [{ rope_type: 'linear', factor: 0 }, /rope_scaling: the factor is 0/],
      [{ rope_type: 'llama3', factor: 8 }, /rope_scaling\.low_freq_factor: /],
      [{ rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 }, /must be above the low one, 4/],
      [{ rope_type: 'longrope', short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] }, /rope_type is "longrope"/],
      [{ rope_type: 7 }, /rope_scaling\.rope_type is 7/],
      ['yarn', /rope_scaling: an object is expected/],
    ];
    for (const [scaling, pattern] of cases) {
      assert.throws(() => readWith({ rope_scaling: scaling }), refused(pattern), JSON.stringify(scaling));
    }
    const factors = [1, 1, 1];
    const short = { rope_type: 'longrope', short_factor: factors, long_factor: factors, attention_factor: 1 };
    assert.throws(() => readWith({ rope_scaling: short }), refused(/3 factors, and a head has 4 rotary pairs/));
  });

  it('reads and writes Qwen2, Qwen3 and attention_bias', () => {
    for (const config of Object.values(smallFamilies)) assert.deepEqual(read(toHuggingFaceConfig(config)), config);
    const biased = { ...smallFamilies.qwen3, attentionBias: 'qkvo' } as const;
    assert.deepEqual(read(toHuggingFaceConfig(biased)), biased);
    const types = Object.values(smallFamilies).map((config) => toHuggingFaceConfig(config).model_type);
    assert.deepEqual(types, ['llama', 'qwen2', 'qwen3']);
    const qwen = { model_type: 'qwen2', sliding_window: 4096, use_sliding_window: false, max_window_layers: 21 };
    assert.equal(readWith({ ...qwen, layer_types: ['full_attention', 'full_attention'] }).attentionBias, 'qkv');
    assert.equal(readWith({ model_type: 'qwen3', head_dim: undefined }).headWidth, 128);
  });

  it('reads a model with sliding windows as one with as many positions, in which they change nothing', () => {
    const positions = (changes: Record<string, unknown>) => readWith(changes).maxPositions;
    const qwen = { model_type: 'qwen2', use_sliding_window: true };
    const sliding = ['full_attention', 'sliding_attention'];
    assert.equal(positions({ sliding_window: 48 }), 48);
    assert.equal(positions({ sliding_window: 4096 }), 64, 'wider than the context');
    assert.equal(positions({ sliding_window: null }), 64);
    assert.equal(positions({ ...qwen, sliding_window: 16 }), 16);
    assert.equal(positions({ ...qwen, use_sliding_window: false, sliding_window: 16 }), 64);
    assert.equal(positions({ ...qwen, max_position_embeddings: 8192 }), 4096, "Transformers' own width");
    const mistral = { model_type: 'mistral', max_position_embeddings: 8192 };
    assert.equal(positions({ ...mistral, sliding_window: null }), 8192);
    assert.equal(positions(mistral), 4096, "Transformers' own width");
    assert.equal(positions({ model_type: 'qwen3', layer_types: sliding, sliding_window: 16 }), 16);
    const scaled = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const { ropeScaling } = readWith({ sliding_window: 16, rope_scaling: scaled });
    assert.equal(ropeScaling?.type === 'llama3' && ropeScaling.originalPositions, 64, 'as the whole context says');
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ layer_types: sliding }, /sliding_window is missing: the attention slides/],
      [{ ...qwen, sliding_window: null }, /sliding_window is null: the attention slides/],
      [{ sliding_window: -1 }, /sliding_window is -1/],
      [{ sliding_window: 0 }, /sliding_window is 0/],
      [{ sliding_window: '4096' }, /sliding_window is "4096"/],
      [{ ...qwen, use_sliding_window: 'yes' }, /use_sliding_window is "yes"/],
      [{ layer_types: 'full_attention' }, /layer_types is "full_attention": a list/],
    ];
    for (const [changes, pattern] of cases)
      assert.throws(() => readWith(changes), refused(pattern), JSON.stringify(changes));
  });

  it('refuses other models and what is not built, naming the key', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model_type: 'phi3' }, /config\.json: model_type is "phi3"; .* the types "llama", "qwen2", "qwen3"/],
      [{ model_type: undefined }, /model_type is missing/],
      [{ hidden_act: 'gelu' }, /hidden_act is .*gelu.*: another activation is not supported/],
      [{ rope_scaling: { rope_type: 'dynamic', factor: 2 } }, /rope_scaling\.rope_type is "dynamic": this way/],
      [{ rope_scaling: { type: 'yarn', factor: 2 } }, /rope_scaling\.type is "yarn": /],
      [{ rope_parameters: { rope_type: 'mystery' } }, /rope_parameters\.rope_type is "mystery"/],
      [{ rope_scaling: { rope_type: 'default', mrope_section: [2, 1, 1] } }, /mrope_section is \[2,1,1\]/],
      [{ layer_types: ['full_attention', 'chunked_attention'] }, /layer_types is "chunked_attention"/],
      [{ num_experts: 8 }, /num_experts is 8/],
      [{ mlp_bias: true }, /mlp_bias/],
      [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
      [{ quantization_config: { bits: 4 } }, /quantization_config/],
    ];
    for (const [changes, pattern] of cases)
      assert.throws(() => readWith(changes), refused(pattern), JSON.stringify(changes));
  });

  it('refuses wrong types and absurd numbers before anything is allocated', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ num_hidden_layers: 1e9 }, /num_hidden_layers is 1,000,000,000; a whole number from 1 to 1,000 is possible/],
      [{ num_hidden_layers: 0 }, /num_hidden_layers is 0/],
      [{ num_hidden_layers: '2' }, /config\.json: num_hidden_layers: /],
      [{ num_hidden_layers: undefined }, /num_hidden_layers/],
      [{ hidden_size: -32 }, /hidden_size is -32/],
      [{ hidden_size: 32.5 }, /hidden_size is 32\.5/],
      [{ vocab_size: 1e12 }, /vocab_size is 1,000,000,000,000/],
      [
        { num_attention_heads: 3, num_key_value_heads: 2 },
        /num_attention_heads is 3, which is not a multiple of num_key_value_heads, 2/,
      ],
      [{ num_attention_heads: 0 }, /num_attention_heads is 0/],
      [{ head_dim: 7 }, /head_dim is 7; rotary positions need an even number/],
      [{ head_dim: undefined, hidden_size: 36, num_attention_heads: 8 }, /head_dim is 4\.5/],
      [{ rms_norm_eps: 0 }, /rms_norm_eps is 0/],
      [{ rope_theta: -1 }, /rope_theta is -1/],
      [{ intermediate_size: 1e15 }, /intermediate_size/],
      [{ tie_word_embeddings: 'yes' }, /tie_word_embeddings/],
    ];
    for (const [changes, pattern] of cases)
      assert.throws(() => readWith(changes), refused(pattern), JSON.stringify(changes));
    assert.throws(() => read('{"model_type": "llama", "num_hidden_layers": 1e999}'), refused(/config\.json: /));
  });

  it('refuses what is no JSON object', () => {
    for (const content of ['', '{', '[]', 'null', '5', '"llama"'])
      assert.throws(() => read(content), refused(/config\.json/), content);
    assert.throws(() => readHuggingFaceConfig(join(folder.path, 'absent')), refused(/there is no such file/));
  });
});
