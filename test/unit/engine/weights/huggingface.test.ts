import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LlamaConfig } from '../../../../models/llama.ts';
import { readHuggingFaceConfig, toHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { smallConfig } from './builders.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

describe('Hugging Face config.json', () => {
  const folder = temporaryFolder();
  const read = (content: unknown): LlamaConfig => {
    mkdirSync(join(folder.path, 'model'), { recursive: true });
    folder.write('model/config.json', typeof content === 'string' ? content : JSON.stringify(content));
    return readHuggingFaceConfig(join(folder.path, 'model'));
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
      () => readWith({ rope_parameters: { rope_type: 'llama3', factor: 8 } }),
      refused(/rope_parameters\.rope_type is "llama3"/),
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

  it('refuses other models and what is not built, naming the key', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model_type: 'qwen2' }, /config\.json: model_type is "qwen2"; Palate reads models of the type "llama"/],
      [{ model_type: undefined }, /model_type is missing/],
      [{ hidden_act: 'gelu' }, /hidden_act is .*gelu.*: another activation is not supported/],
      [{ rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling is .*: scaled rotary positions/],
      [{ attention_bias: true }, /attention_bias is true/],
      [{ mlp_bias: true }, /mlp_bias/],
      [{ sliding_window: 4096 }, /sliding_window is 4096/],
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
