import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describeModel, loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { writeBaseModel } from '../../../../server/engine/weights/saveBase.ts';
import type { WeightTensor } from '../../../../server/engine/weights/types.ts';
import { UserError } from '../../../../server/errors.ts';
import { llamaConfig } from '../../../support/llamaConfig.ts';
import { skip } from '../../../support/skip.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { testDataOrSkip } from '../../../support/testData.ts';
import { ggufBytes, ggufTensors, smallConfig, smallFamilies, smallMetadata, smallWeights } from './builders.ts';
import { writeModelFile, writeModelFolder } from './modelFolder.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

describe('loading a base model', () => {
  const folder = temporaryFolder();
  const place = (name: string) => join(folder.path, name);

  it('gives the same weights from a folder, shards, bfloat16 and GGUF', async () => {
    const paths = [
      writeModelFolder(place('single')),
      writeModelFolder(place('sharded'), { shards: 3 }),
      writeModelFolder(place('half'), { format: 'BF16' }),
      writeModelFile(place('small.gguf')),
    ];
    for (const path of paths) {
      const model = await loadBaseModel(path);
      assert.equal(model.path, path);
      assert.deepEqual(model.config, smallConfig, path);
      assert.deepEqual(model.weights, smallWeights(), path);
      assert.deepEqual(model.tokenizer.encode(' hello'), [3 + 32, 260, 3 + 108, 3 + 111], path);
    }
  });

  it('gives the same weights of every family from a folder and from GGUF', async () => {
    for (const [name, shape] of Object.entries(smallFamilies)) {
      const paths = [writeModelFolder(place(name), { shape }), writeModelFile(place(`${name}.gguf`), shape)];
      for (const path of paths) {
        const model = await loadBaseModel(path);
        assert.deepEqual(model.config, shape, path);
        assert.deepEqual(model.weights, smallWeights(shape), path);
      }
    }
  });

  it('leaves the output head out of a tied model, also where the file repeats it', async () => {
    const weights = smallWeights();
    const config = { tie_word_embeddings: true };
    const model = await loadBaseModel(writeModelFolder(place('tied'), { config, weights }));
    assert.equal(model.weights.has('lm_head.weight'), false);
    assert.equal(model.weights.size, weights.size - 1);
  });

  it('identity: of the content, not of the place', async () => {
    const original = await loadBaseModel(writeModelFolder(place('identity')));
    const elsewhere = await loadBaseModel(writeModelFolder(place('identity-elsewhere')));
    assert.match(original.identity, /^[0-9a-f]{64}$/);
    assert.equal(elsewhere.identity, original.identity);
    const tuned = smallWeights();
    (tuned.get('model.layers.1.mlp.up_proj.weight') as WeightTensor).data[7] += 1;
    const others = [
      await loadBaseModel(writeModelFolder(place('identity-tuned'), { weights: tuned })),
      await loadBaseModel(writeModelFolder(place('identity-config'), { config: { rope_theta: 20000 } })),
      await loadBaseModel(writeModelFolder(place('identity-half'), { format: 'BF16' })),
    ];
    assert.equal(new Set([original, ...others].map(({ identity }) => identity)).size, 4);
  });

  it('describes a model from its headers', () => {
    const parameters = [...smallWeights().values()].reduce((sum, { data }) => sum + data.length, 0);
    const description = describeModel(writeModelFolder(place('described'), { format: 'BF16' }));
    assert.deepEqual(
      { ...description, config: undefined },
      {
        path: place('described'),
        kind: 'huggingface',
        config: undefined,
        parameters,
        fileBytes: 2 * parameters,
        float32Bytes: 4 * parameters,
      },
    );
    assert.equal(describeModel(writeModelFile(place('described.gguf'))).parameters, parameters);
  });

  it('saves a base model that loads the same, exactly in float32 and rounded in bfloat16', async () => {
    for (const source of [writeModelFile(place('save.gguf')), writeModelFolder(place('save'))]) {
      const model = await loadBaseModel(source);
      for (const format of ['F32', 'BF16'] as const) {
        const target = place(`saved-${format}`);
        writeBaseModel(target, { ...model, format });
        const again = await loadBaseModel(target);
        assert.deepEqual(again.config, model.config);
        assert.deepEqual(again.weights, model.weights);
        assert.deepEqual(again.tokenizer.endIds, model.tokenizer.endIds);
        const messages = [{ role: 'user', content: 'hello <think> 1' }];
        const chats = [again, model].map(({ tokenizer }) => tokenizer.encodeChat(messages, { generationPrompt: true }));
        assert.deepEqual(chats[0], chats[1]);
      }
    }
  });

  it('lists weights that are missing, unexpected or of another shape', async () => {
    const weights = smallWeights();
    weights.delete('model.layers.0.mlp.up_proj.weight');
    weights.set('model.layers.0.mlp.extra.weight', { shape: [2], data: new Float32Array(2) });
    weights.set('model.norm.weight', { shape: [16, 2], data: new Float32Array(32) });
    const path = writeModelFolder(place('wrong'), { weights });
    const pattern =
      /Missing: model\.layers\.0\.mlp\.up_proj\.weight\. Unexpected: model\.layers\.0\.mlp\.extra\.weight\. Of another shape.*model\.norm\.weight is \[16, 2\] instead of \[32\]/;
    await assert.rejects(loadBaseModel(path), refused(pattern));
    assert.throws(() => describeModel(path), refused(pattern));
    await assert.rejects(
      loadBaseModel(writeModelFolder(place('more-layers'), { config: { num_hidden_layers: 3 } })),
      refused(/Missing: model\.layers\.2/),
    );
  });

  it('refuses numbers that are not finite', async () => {
    const weights = smallWeights();
    (weights.get('model.embed_tokens.weight') as WeightTensor).data[33] = NaN;
    await assert.rejects(
      loadBaseModel(writeModelFolder(place('nan'), { weights })),
      refused(/embed_tokens\.weight holds NaN \(number 33\)/),
    );
  });

  const mkdirIn = (name: string): string => {
    mkdirSync(place(name));
    return place(name);
  };

  it('follows the symbolic links of a Hugging Face cache', async () => {
    const source = writeModelFolder(place('models--a--c/blobs'), { shards: 2 });
    const snapshot = place('models--a--c/snapshots/abc');
    mkdirSync(snapshot, { recursive: true });
    const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors.index.json'];
    for (const name of [...names, 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']) {
      renameSync(join(source, name), join(source, `blob-${name}`));
      symlinkSync(join('..', '..', 'blobs', `blob-${name}`), join(snapshot, name));
    }
    assert.deepEqual((await loadBaseModel(snapshot)).weights, smallWeights());
  });

  it('follows no path out of an index', () => {
    const path = writeModelFolder(place('escape'), { shards: 2 });
    copyFileSync(join(path, 'model-00001-of-00002.safetensors'), place('outside.safetensors'));
    for (const name of [
      '../outside.safetensors',
      place('outside.safetensors'),
      'a/../b.safetensors',
      '..\\outside.safetensors',
      '..',
      '',
      'C:x',
    ]) {
      writeFileSync(
        join(path, 'model.safetensors.index.json'),
        JSON.stringify({ weight_map: { 'lm_head.weight': name } }),
      );
      assert.throws(() => describeModel(path), refused(/only plain file names in the same folder are followed/), name);
    }
    const index = (value: unknown) => writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify(value));
    index({ weight_map: {} });
    assert.throws(() => describeModel(path), refused(/"weight_map" is empty/));
    index({ weight_map: ['a'] });
    assert.throws(() => describeModel(path), refused(/"weight_map" is not an object/));
    index({ weight_map: { 'lm_head.weight': 'absent.safetensors' } });
    assert.throws(() => describeModel(path), refused(/absent\.safetensors of 1 files not in the folder/));
    index({ weight_map: { 'lm_head.weight': 'pytorch_model.bin' } });
    assert.throws(() => describeModel(path), refused(/is a Python pickle/));
  });

  it('follows no symbolic link out of an index, and those within its folder', () => {
    const path = writeModelFolder(place('linked'), { shards: 2 });
    const shard = join(path, 'model-00002-of-00002.safetensors');
    renameSync(shard, join(path, 'other'));
    symlinkSync('other', shard);
    assert.equal(describeModel(path).config.layers, 2);
    for (const outside of [place('outside.safetensors'), join(mkdirIn('blobs'), 'x.safetensors')]) {
      copyFileSync(join(path, 'other'), outside);
      rmSync(shard);
      symlinkSync(outside, shard);
      const pattern =
        /index\.json: "weight_map" names "model-00002-of-00002\.safetensors", a symbolic link .*Put the file/;
      assert.throws(() => describeModel(path), refused(pattern), outside);
    }
    rmSync(shard);
    symlinkSync('nothing', shard);
    assert.throws(() => describeModel(path), refused(/model-00002-of-00002\.safetensors of 2 files not in the folder/));
  });

  it('refuses pickles by name and by their first bytes, and says what to do', () => {
    const path = writeModelFolder(place('pickled'));
    rmSync(join(path, 'model.safetensors'));
    writeFileSync(join(path, 'pytorch_model.bin'), 'x');
    assert.throws(() => describeModel(path), refused(/pytorch_model\.bin is a Python pickle.*save_pretrained/));
    for (const name of ['a.pt', 'a.pth', 'a.ckpt', 'a.PKL', 'a.bin']) {
      assert.throws(() => describeModel(folder.write(name, 'x')), refused(/is a Python pickle/), name);
    }
    const disguised = [Buffer.from([0x80, 2, 0x7d, 0x71]), Buffer.from('PK\u0003\u0004 and so on')];
    for (const bytes of disguised) {
      assert.throws(() => describeModel(folder.write('disguised.gguf', bytes)), refused(/is a Python pickle/));
      writeFileSync(join(path, 'model.safetensors'), bytes);
      assert.throws(() => describeModel(path), refused(/model\.safetensors is a Python pickle/));
    }
  });

  it('says what to give instead of a path that is no model', () => {
    assert.throws(
      () => describeModel(place('nowhere')),
      refused(/There is no model at .*nowhere\. Give a \.gguf file, or a folder/),
    );
    const path = place('no-model');
    mkdirSync(path);
    assert.throws(() => describeModel(path), refused(/there is no config\.json in this folder/));
    writeFileSync(join(path, 'model.gguf'), 'x');
    assert.throws(() => describeModel(path), refused(/Did you mean .*model\.gguf\?/));
    writeFileSync(join(path, 'adapter_config.json'), '{}');
    assert.throws(() => describeModel(path), refused(/is an adapter, not a model/));
    const cache = place('models--a--b');
    mkdirSync(join(cache, 'snapshots', 'abc'), { recursive: true });
    assert.throws(() => describeModel(cache), refused(/give the folder of a snapshot: .*abc/));
    assert.throws(
      () => describeModel(join(writeModelFolder(place('x')), 'model.safetensors')),
      refused(/Give its folder/),
    );
  });

  it('refuses a GGUF file that is cut short anywhere', () => {
    const bytes = ggufBytes(smallMetadata(), ggufTensors(smallWeights()));
    for (let length = 0; length < bytes.length - 32; length += 997) {
      const path = folder.write('cut.gguf', bytes.subarray(0, length));
      assert.throws(() => describeModel(path), refused(/cut\.gguf/), `${length} bytes`);
    }
  });

  it('says before loading that memory will not suffice, and what would fit', async function () {
    const config = {
      ...smallConfig,
      vocabulary: 1 << 21,
      width: 65536,
      heads: 64,
      keyValueHeads: 32,
      headWidth: 1024,
      tiedEmbedding: true,
      layers: 1,
      feedForward: 32,
    };
    const shapes: [string, number[]][] = [
      ['token_embd.weight', [config.width, config.vocabulary]],
      ['blk.0.attn_norm.weight', [config.width]],
      ['blk.0.attn_q.weight', [config.width, config.width]],
      ['blk.0.attn_k.weight', [config.width, config.width / 2]],
      ['blk.0.attn_v.weight', [config.width, config.width / 2]],
      ['blk.0.attn_output.weight', [config.width, config.width]],
      ['blk.0.ffn_norm.weight', [config.width]],
      ['blk.0.ffn_gate.weight', [config.width, 32]],
      ['blk.0.ffn_up.weight', [config.width, 32]],
      ['blk.0.ffn_down.weight', [32, config.width]],
      ['output_norm.weight', [config.width]],
    ];
    const tensors = shapes.map(([name, dimensions]) => {
      const length = (dimensions.reduce((product, size) => product * size, 1) / 32) * 18;
      return { name, dimensions, type: 2, bytes: { length } as Uint8Array };
    });
    const metadata = smallMetadata(config).filter(([key]) => key !== 'tokenizer.ggml.tokens');
    const path = folder.write('vast.gguf', ggufBytes(metadata, tensors, 3, { headerOnly: true }));
    try {
      truncateSync(path, 90e9); // a hole: it takes no room
    } catch {
      skip(this, 'this file system has no files with holes');
    }
    const before = process.memoryUsage.rss();
    await assert.rejects(
      loadBaseModel(path),
      refused(
        /Loading .*vast\.gguf needs about \d{3} GB of memory, and .* is available\. A model of up to about [\d,]+ million weights would fit/,
      ),
    );
    assert.ok(process.memoryUsage.rss() < before + 5e8);
  });
});

describe('a configuration that claims a hundred million positions', () => {
  const folder = temporaryFolder();
  it('is refused before their tables are made', async () => {
    const path = writeModelFolder(join(folder.path, 'long'), {
      shape: { ...smallConfig, maxPositions: 1 << 27, headWidth: 1024 },
    });
    await assert.rejects(loadBaseModel(path), refused(/Loading .*long needs about 550 GB of memory/));
  });
});

describe('SmolLM2-135M-Instruct from GGUF', () => {
  it('has its configuration, all weights, and the values of the file', async function () {
    const data = testDataOrSkip(this, 'SmolLM2-135M-Instruct');
    const path = join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf');
    const model = await loadBaseModel(path);
    assert.equal(model.weights.size, 272);
    assert.equal(
      [...model.weights.values()].reduce((sum, { data: numbers }) => sum + numbers.length, 0),
      134_515_008,
    );
    assert.deepEqual(
      [model.config.layers, model.config.heads, model.config.keyValueHeads, llamaConfig(model.config).ropeTheta],
      [30, 9, 3, 100000],
    );
    assert.equal(model.config.tiedEmbedding, true);
    // The first block of the embedding, read off the file by hand: 30,081,024 bytes of Q8_0 come first in the data.
    const bytes = readFileSync(path).subarray(1785664 + ((32 - (1785664 % 32)) % 32));
    const scale = 2 ** ((bytes[1] >> 2) - 15) * (1 + (((bytes[1] & 3) << 8) | bytes[0]) / 1024);
    const expected = Array.from({ length: 32 }, (_, i) => Math.fround(scale * bytes.readInt8(2 + i)));
    assert.deepEqual(
      [...(model.weights.get('model.embed_tokens.weight') as WeightTensor).data.subarray(0, 32)],
      expected,
    );
  });
});
