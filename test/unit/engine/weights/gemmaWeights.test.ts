import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GemmaConfig } from '../../../../models/gemma.ts';
import { readAdapter, targetsOf, writeAdapter } from '../../../../server/engine/weights/adapters.ts';
import { withFile } from '../../../../server/engine/weights/files.ts';
import { readGemmaConfig, writeGemmaConfig } from '../../../../server/engine/weights/gemmaWeights.ts';
import { readGguf } from '../../../../server/engine/weights/gguf.ts';
import { configEntries, ggufTensorSources } from '../../../../server/engine/weights/ggufMetadata.ts';
import { ggufConfig, ggufTensorNames, readGgufWeight } from '../../../../server/engine/weights/ggufModel.ts';
import { ggufChunks, ggufEntry } from '../../../../server/engine/weights/ggufWriter.ts';
import { readHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { describeModel, loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { writeBaseModel } from '../../../../server/engine/weights/saveBase.ts';
import { namedShapes } from '../../../../server/engine/weights/shapes.ts';
import { UserError } from '../../../../server/errors.ts';
import { goldenFolder } from '../../../support/goldenModels.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);
const path = '/models/x/config.json';
const first: GemmaConfig = {
  family: 'gemma',
  layers: 2,
  width: 16,
  heads: 4,
  keyValueHeads: 1,
  headWidth: 8,
  feedForward: 24,
  vocabulary: 64,
  ropeTheta: 10000,
  normEpsilon: 1e-6,
  tiedEmbedding: true,
  maxPositions: 32,
  queryScalar: 8,
};
const third: GemmaConfig = {
  ...first,
  family: 'gemma3',
  layers: 7,
  keyValueHeads: 2,
  queryScalar: 12,
  ropeTheta: 1e6,
  ropeScaling: { type: 'linear', factor: 8 },
  local: { layers: [0, 1, 2, 3, 4, 6], window: 4, ropeTheta: 10000 },
};

describe('Gemma', () => {
  const folder = temporaryFolder();
  const golden = (...names: string[]) => join(goldenFolder, ...names);
  const place = (name: string) => join(folder.path, name);
  const withConfig = (name: string, change: (json: Record<string, unknown>) => Record<string, unknown>) => {
    cpSync(golden('gemma3'), place(name), { recursive: true });
    const file = join(place(name), 'config.json');
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')))));
    return place(name);
  };

  it('config.json: reads back what is written, and takes what is left out from Transformers', () => {
    for (const config of [first, third, { ...third, local: undefined, ropeScaling: undefined }]) {
      const { local, ropeScaling, ...rest } = config;
      const expected = { ...rest, ...(local && { local }), ...(ropeScaling && { ropeScaling }) };
      assert.deepEqual(readGemmaConfig(path, config.family, writeGemmaConfig(config)), expected);
    }
    const least = {
      num_hidden_layers: 7,
      hidden_size: 8,
      num_attention_heads: 16,
      intermediate_size: 9,
      vocab_size: 9,
    };
    const { keyValueHeads, headWidth, normEpsilon, tiedEmbedding, maxPositions, ropeTheta, queryScalar, local } =
      readGemmaConfig(path, 'gemma3', least);
    assert.deepEqual([keyValueHeads, headWidth, normEpsilon, tiedEmbedding], [4, 256, 1e-6, true]);
    assert.deepEqual([maxPositions, ropeTheta, queryScalar], [131072, 1e6, 256]);
    assert.deepEqual(local, { layers: [0, 1, 2, 3, 4, 6], window: 4096, ropeTheta: 10000 });
    const gemma = readGemmaConfig(path, 'gemma', { ...least, hidden_act: 'gelu', hidden_activation: null });
    assert.deepEqual([gemma.keyValueHeads, gemma.maxPositions, gemma.ropeTheta], [16, 8192, 10000]);
    assert.deepEqual([gemma.queryScalar, gemma.local], [256, undefined]);
  });

  it('config.json: the keys of Transformers 4 and 5 say the same', () => {
    const folderOf4 = withConfig('older', ({ rope_parameters: _, ...json }) => ({
      ...json,
      rope_theta: 1000,
      rope_local_base_freq: 100,
      rope_scaling: { rope_type: 'linear', factor: 2 },
    }));
    assert.deepEqual(readHuggingFaceConfig(folderOf4), readHuggingFaceConfig(golden('gemma3')));
    const pattern = (json: object) => ({ ...json, layer_types: undefined, sliding_window_pattern: 2 });
    const { local } = readHuggingFaceConfig(withConfig('pattern', pattern)) as GemmaConfig;
    assert.deepEqual(local, { layers: [0, 2], window: 4, ropeTheta: 100 });
  });

  it('config.json: refuses other computations and absurd numbers, naming the key', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ hidden_activation: 'gelu' }, /config\.json: hidden_activation is "gelu": another activation/],
      [{ hidden_act: 'silu' }, /hidden_act is "silu"/],
      [{ attention_bias: true }, /attention_bias is true/],
      [{ final_logit_softcapping: 30 }, /final_logit_softcapping is 30: soft-capping of logits is not supported/],
      [{ attn_logit_softcapping: 50 }, /attn_logit_softcapping is 50: soft-capping of scores/],
      [{ use_bidirectional_attention: true }, /use_bidirectional_attention is true: attention to later tokens/],
      [{ quantization_config: {} }, /quantised weights/],
      [{ num_hidden_layers: 1e9 }, /num_hidden_layers is 1,000,000,000; a whole number from 1 to 1,000 is possible/],
      [{ num_key_value_heads: 3 }, /num_attention_heads is 4, which is not a multiple of num_key_value_heads, 3/],
      [{ head_dim: 7 }, /head_dim is 7; rotary positions need an even number/],
      [{ query_pre_attn_scalar: 0 }, /query_pre_attn_scalar is 0/],
      [{ rope_local_base_freq: 0 }, /rope_local_base_freq is 0/],
      [{ sliding_window: null }, /sliding_window is null/],
      [{ sliding_window: 0 }, /sliding_window is 0/],
      [{ layer_types: ['full_attention'] }, /layer_types names 1 layers, and num_hidden_layers is 7/],
      [{ layer_types: ['chunked_attention'] }, /layer_types is "chunked_attention": this kind of attention/],
      [{ layer_types: undefined, sliding_window_pattern: 0 }, /sliding_window_pattern is 0/],
      [{ rope_parameters: { full_attention: 3 } }, /rope_parameters\.full_attention is 3; an object/],
      [
        { rope_parameters: { sliding_attention: { rope_type: 'linear', factor: 2 } } },
        /rope_parameters\.sliding_attention\.rope_type is "linear": scaled positions in layers whose attention slides/,
      ],
      [{ rope_scaling: { rope_type: 'yarn', factor: 2 } }, /rope_scaling\.rope_type is "yarn"/],
      [{ intermediate_size: undefined }, /config\.json: intermediate_size: /],
    ];
    for (const [changes, pattern] of cases) {
      const json = { ...writeGemmaConfig(third), ...changes };
      assert.throws(() => readGemmaConfig(path, 'gemma3', json), refused(pattern), JSON.stringify(changes));
    }
    const types: [string, RegExp][] = [
      ['gemma2', /model_type is "gemma2": soft-capping of scores and logits is not supported.*"gemma3_text"/],
      ['gemma3', /model_type is "gemma3": a model that reads pictures too/],
      ['gemma3n', /model_type is "gemma3n"; Palate reads models of the types .*"gemma", "gemma3_text", "mistral"/],
    ];
    for (const [type, pattern] of types) {
      const strange = withConfig(type, (json) => ({ ...json, model_type: type }));
      assert.throws(() => describeModel(strange), refused(pattern), type);
    }
  });

  it('reads only the token of pictures without a row; a turn ends with the token that the template writes', async () => {
    const { tokenizer } = await loadBaseModel(golden('gemma3'));
    assert.deepEqual(tokenizer.endIds, [2, 3]);
    const silent = withConfig('silent', (json) => ({ ...json, eos_token_id: 3 }));
    writeFileSync(join(silent, 'generation_config.json'), '{}');
    assert.deepEqual((await loadBaseModel(silent)).tokenizer.endIds, [2, 3], 'though no file says so');
    const plain = tokenizer.encode('<image_soft_token>');
    assert.ok(plain.length > 2 && plain.every((id) => id < 64), 'as any other text');
    const system = { role: 'system', content: 'is.' };
    const user = { role: 'user', content: 'on' };
    const joined = { role: 'user', content: 'is.\n\non' };
    const options = { generationPrompt: true };
    assert.deepEqual(tokenizer.encodeChat([system, user], options), tokenizer.encodeChat([joined], options));
    const file = join(
      withConfig('tokens', (json) => json),
      'tokenizer.json',
    );
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('<image_soft_token>', '<other>'));
    await assert.rejects(
      loadBaseModel(place('tokens')),
      refused(/"<other>" has the id 64; the model has rows 0 to 63/),
    );
  });

  it('cuts at spaces before it merges only where no merge reaches into one', async () => {
    const file = join(
      withConfig('reaching', (json) => json),
      'tokenizer.json',
    );
    const json = JSON.parse(readFileSync(file, 'utf8'));
    json.model.vocab['e\u2581'] = 62;
    json.model.merges.push(['e', '\u2581']);
    writeFileSync(file, JSON.stringify(json));
    const ids = (await loadBaseModel(place('reaching'))).tokenizer.encode('e .');
    assert.deepEqual(ids, [1, 62, json.model.vocab['.']]);
  });

  it('saves a base that Transformers reads as the same', async () => {
    for (const name of ['gemma', 'gemma3']) {
      const model = await loadBaseModel(golden(name));
      writeBaseModel(place(`saved-${name}`), { ...model, format: 'F32' });
      const again = await loadBaseModel(place(`saved-${name}`));
      assert.deepEqual([again.config, again.weights], [model.config, model.weights]);
      assert.deepEqual(again.tokenizer.encode('the  sea \u4e2d'), model.tokenizer.encode('the  sea \u4e2d'));
    }
  });

  it('adapters have the names of PEFT', async () => {
    const { config } = await loadBaseModel(golden('gemma3'));
    assert.equal(targetsOf(config, undefined).length, 7);
    const adapter = readAdapter(golden('gemma3', 'adapter'));
    writeAdapter(place('adapter'), adapter, { baseModelPath: 'gemma3' });
    assert.deepEqual(readAdapter(place('adapter')).tensors, adapter.tensors);
  });

  const third6 = { ...third, queryScalar: 8, local: { layers: [0, 1, 2, 3, 4, 6], window: 4, ropeTheta: 10000 } };
  const ggufOf = (config: GemmaConfig, weights: (name: string) => Float32Array, more: Uint8Array[] = []) => {
    const tensors = ggufTensorSources({ family: config.family, config }, 'F16', weights);
    const file = place(`${config.family}.gguf`);
    writeFileSync(file, Buffer.concat([...ggufChunks([...configEntries('tiny', config), ...more], tensors)]));
    return file;
  };
  const zeros = (config: GemmaConfig) => {
    const sizes = new Map(weightSizes(config));
    return (name: string) => new Float32Array(sizes.get(name) as number).fill(0.5);
  };

  it('GGUF: the norms hold 1 + w, and configuration and weights come back', async () => {
    for (const config of [first, third6]) {
      const file = ggufOf(config, zeros(config));
      withFile(file, (open) => {
        const gguf = readGguf(open);
        assert.deepEqual(ggufConfig(gguf, open), { ...config, normEpsilon: Math.fround(1e-6) });
        const norm = gguf.tensors.get('blk.1.ffn_norm.weight');
        assert.ok(norm !== undefined);
        const raw = new Float32Array(16);
        open.read(new Uint8Array(raw.buffer), norm.offset);
        assert.deepEqual(raw, new Float32Array(16).fill(1.5));
        const layout = { family: config.family, headWidth: config.headWidth };
        for (const [name, tensor] of ggufTensorNames(gguf)) {
          assert.ok(
            readGgufWeight(open, tensor, name, layout).data.every((value) => value === 0.5),
            name,
          );
        }
      });
    }
  });

  it('GGUF: refuses soft-capping, and what llama.cpp computes otherwise', () => {
    const capped = ggufOf(third6, zeros(third6), [ggufEntry('gemma3.final_logit_softcapping', 'float32', 30)]);
    const read = (file: string) => withFile(file, (open) => ggufConfig(readGguf(open), open));
    assert.throws(() => read(capped), refused(/gemma3\.final_logit_softcapping is 30: soft-capping is not supported/));
    const half = ggufOf(third6, zeros(third6), [ggufEntry('gemma3.attention.sliding_window_pattern', 'uint32', 2)]);
    assert.deepEqual((read(half) as GemmaConfig).local?.layers, [0, 2, 4, 6]);
    assert.throws(() => ggufOf(third, zeros(third)), refused(/no place for query_pre_attn_scalar 12/));
    const other = { ...third6, local: { ...third6.local, layers: [0] } };
    assert.throws(() => ggufOf(other, zeros(other)), refused(/no place for layers that slide in another order/));
  });
});

function weightSizes(config: GemmaConfig): [string, number][] {
  return namedShapes(config).map(({ name, shape }) => [name, shape.reduce((product, size) => product * size, 1)]);
}
