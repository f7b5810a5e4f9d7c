import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { rotaryDivisors } from '../../../../models/llama.ts';
import type { OpenFile } from '../../../../server/engine/weights/files.ts';
import { readGguf } from '../../../../server/engine/weights/gguf.ts';
import { ggufConfig, ggufTensorNames } from '../../../../server/engine/weights/ggufModel.ts';
import { readHuggingFaceConfig, toHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { checkShapes, llamaWeightShapes } from '../../../../server/engine/weights/llamaWeights.ts';
import { readSafetensorsHeader, safetensorsChunks } from '../../../../server/engine/weights/safetensors.ts';
import { createTokenizer } from '../../../../server/engine/weights/tokenizer.ts';
import { ggufTokenizerSource } from '../../../../server/engine/weights/tokenizerSources.ts';
import { UserError } from '../../../../server/errors.ts';
import {
  ggufBytes,
  ggufTensors,
  memoryFile,
  smallConfig,
  smallFamilies,
  smallMetadata,
  smallTemplate,
  smallTokenizerJson,
  smallTokens,
  smallWeights,
} from './builders.ts';

/**
 * Damaged files by the thousand. A reader may take a file or refuse it with a sentence; it may not throw anything else,
 * hang, or set memory aside for what the file only claims to hold.
 */
const path = '/memory/hostile';
const seed = 20260101;

/** Whether `read` took the file. Fails the test where it throws anything but a sentence that names the file. */
function taken(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    assert.ok(error.message.includes(path), `the message names the file: ${error.message}`);
    assert.match(error.message, /^\P{Cc}+\.$/u, 'one line, without control characters');
    assert.ok(error.message.length < 1500, error.message);
    return false;
  }
}

/** A file that counts the bytes read from it into buffers of the reader's own. */
function counting(bytes: Uint8Array): OpenFile & { read: OpenFile['read']; largest: number } {
  const file = memoryFile(bytes, path);
  const result = {
    ...file,
    largest: 0,
    read(target: Uint8Array, offset: number) {
      result.largest = Math.max(result.largest, target.length);
      file.read(target, offset);
    },
  };
  return result;
}

/** One change to a file's bytes, anywhere or (more often) in its first `header` bytes. */
function damage(length: number, header: number) {
  const place = fc.oneof({ weight: 4, arbitrary: fc.nat(header - 1) }, { weight: 1, arbitrary: fc.nat(length - 1) });
  const word = fc.constantFrom(
    0n,
    1n,
    255n,
    65536n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 40n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
    10n ** 9n,
  );
  return fc.oneof(
    fc.record({ kind: fc.constant('byte' as const), place, value: fc.nat(255) }),
    fc.record({ kind: fc.constant('u32' as const), place, value: word.map((value) => Number(value & 0xffffffffn)) }),
    fc.record({ kind: fc.constant('u64' as const), place, value: word }),
    fc.record({ kind: fc.constant('cut' as const), place }),
    fc.record({ kind: fc.constant('drop' as const), place, value: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('repeat' as const), place, value: fc.integer({ min: 1, max: 200 }) }),
  );
}
type Damage = ReturnType<typeof damage> extends fc.Arbitrary<infer Value> ? Value : never;

function damaged(bytes: Buffer, changes: readonly Damage[]): Buffer {
  return changes.reduce<Buffer>((current, change) => {
    const { kind, place } = change;
    if (place + 8 > current.length) return current;
    if (kind === 'cut') return current.subarray(0, place);
    if (kind === 'drop') return Buffer.concat([current.subarray(0, place), current.subarray(place + change.value)]);
    if (kind === 'repeat') return Buffer.concat([current.subarray(0, place + change.value), current.subarray(place)]);
    const copy = Buffer.from(current);
    if (kind === 'byte') copy[place] = change.value;
    else if (kind === 'u32') copy.writeUInt32LE(change.value, place);
    else copy.writeBigUInt64LE(change.value, place);
    return copy;
  }, bytes);
}

describe('hostile files', () => {
  it('GGUF: 10,000 damaged headers', function () {
    this.timeout(60_000);
    // A short list of tokens keeps the damage where the structure is.
    const short = new Map<string, unknown>([
      ['tokenizer.ggml.tokens', smallTokens.slice(0, 5)],
      ['tokenizer.ggml.token_type', [3, 3, 4, 1, 1]],
      ['tokenizer.ggml.merges', []],
      ['llama.vocab_size', 262],
    ]);
    const metadata = smallMetadata().map(([key, type, value]) => [key, type, short.get(key) ?? value] as const);
    const tensors = ggufTensors(smallWeights());
    const bytes = ggufBytes(metadata, tensors);
    const header = ggufBytes(metadata, tensors, 3, { headerOnly: true }).length;
    const read = (content: Buffer) => {
      const file = counting(content);
      const result = taken(() => {
        const gguf = readGguf(file);
        const config = ggufConfig(gguf, file);
        const shapes = new Map([...ggufTensorNames(gguf)].map(([name, tensor]) => [name, tensor.shape]));
        checkShapes(path, llamaWeightShapes(config), shapes);
        createTokenizer(ggufTokenizerSource(gguf, config.vocabulary));
      });
      assert.ok(file.largest <= 1 << 20, `a buffer of ${file.largest} bytes for a file of ${content.length}`);
      return result;
    };
    assert.ok(read(bytes), 'the undamaged file is taken');
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(damage(bytes.length, header), { minLength: 1, maxLength: 3 }), (changes) => {
        if (!read(damaged(bytes, changes))) refusals += 1;
      }),
      { numRuns: 10_000, seed },
    );
    assert.ok(refusals > 5000, `only ${refusals} of 10,000 were refused`);
  });

  it('GGUF of the other families, with divisors of positions: 3,000 damaged headers', function () {
    this.timeout(60_000);
    const divisors = { name: 'rope_freqs.weight', dimensions: [4], type: 0, bytes: new Uint8Array(16).fill(63) };
    for (const config of Object.values(smallFamilies)) {
      const metadata = smallMetadata(config).filter(([key]) => !key.startsWith('tokenizer.'));
      const linear = [[`${metadata[0][2]}.rope.scaling.factor`, 6, config.headNorms ? 4 : 1]] as const;
      const extra = config.attentionBias === 'qkvo' ? [divisors] : [];
      const tensors = [...ggufTensors(smallWeights(config), config), ...extra];
      const bytes = ggufBytes([...metadata, ...linear], tensors);
      const header = ggufBytes([...metadata, ...linear], tensors, 3, { headerOnly: true }).length;
      const read = (content: Buffer) => {
        const file = counting(content);
        const result = taken(() => {
          const gguf = readGguf(file);
          const shapes = new Map([...ggufTensorNames(gguf)].map(([name, tensor]) => [name, tensor.shape]));
          checkShapes(path, llamaWeightShapes(ggufConfig(gguf, file)), shapes);
        });
        assert.ok(file.largest <= 1 << 20);
        return result;
      };
      assert.ok(read(bytes), 'the undamaged file is taken');
      const changes = fc.array(damage(bytes.length, header), { minLength: 1, maxLength: 3 });
      const property = fc.property(changes, (list) => void read(damaged(bytes, list)));
      fc.assert(property, { numRuns: 1000, seed });
    }
  });

  it('config.json: keys replaced by any JSON value', () => {
    const folder = mkdtempSync(join(tmpdir(), 'palate-hostile-'));
    const taken = { as: 0 };
    try {
      const type = fc.constantFrom('llama', 'qwen2', 'qwen3', 'gemma');
      const rope = fc.record(
        {
          rope_type: fc.constantFrom('default', 'linear', 'llama3', 'longrope', 'yarn', 7),
          factor: fc.oneof(fc.double(), fc.constantFrom(2, 8)),
          low_freq_factor: fc.constantFrom(1, 4, -1, 'x'),
          high_freq_factor: fc.constantFrom(4, 1, null),
          original_max_position_embeddings: fc.oneof(fc.constant(32), fc.jsonValue()),
          short_factor: fc.oneof(fc.constant([1, 1, 1, 1]), fc.jsonValue()),
          long_factor: fc.oneof(fc.constant([1, 1, 1, 1]), fc.jsonValue()),
          attention_factor: fc.constantFrom(1, 2),
        },
        { requiredKeys: [] },
      );
      const keys = [
        'num_hidden_layers',
        'head_dim',
        'num_key_value_heads',
        'attention_bias',
        'layer_types',
        'rope_theta',
      ];
      const any = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, 2, 8, 1e9, true, false, null));
      fc.assert(
        fc.property(
          type,
          fc.constantFrom(...keys),
          any,
          fc.oneof(rope, fc.jsonValue()),
          (model_type, key, value, scaling) => {
            const json = { ...toHuggingFaceConfig(smallConfig), model_type, [key]: value, rope_scaling: scaling };
            writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
            try {
              const config = readHuggingFaceConfig(folder);
              assert.ok(config.layers <= 1000 && rotaryDivisors(config).every(Number.isFinite));
              taken.as += 1;
            } catch (error) {
              if (!(error instanceof UserError)) throw error;
              assert.match(error.message, /config\.json: \P{Cc}+\.$/u);
            }
          },
        ),
        { numRuns: 3000, seed },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    assert.ok(taken.as > 100, `only ${taken.as} of 3,000 were taken`);
  });

  it('safetensors: 5,000 damaged headers', function () {
    this.timeout(60_000);
    const bytes = Buffer.concat([
      ...safetensorsChunks(new Map([...smallWeights()].slice(0, 6)), { metadata: { a: 'b' } }),
    ]);
    const header = 8 + Number(bytes.readBigUInt64LE(0));
    const read = (content: Buffer) => {
      const file = counting(content);
      const result = taken(() => readSafetensorsHeader(file));
      assert.ok(file.largest <= content.length, `a buffer of ${file.largest} bytes for a file of ${content.length}`);
      return result;
    };
    assert.ok(read(bytes), 'the undamaged file is taken');
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(damage(bytes.length, header), { minLength: 1, maxLength: 3 }), (changes) => {
        if (!read(damaged(bytes, changes))) refusals += 1;
      }),
      { numRuns: 5000, seed },
    );
    assert.ok(refusals > 2500, `only ${refusals} of 5,000 were refused`);
  });

  it('safetensors: entries of any JSON value', () => {
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'BF16', 'toString'), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.oneof(fc.nat(9), fc.double(), fc.constant(2 ** 53))), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.nat(99), fc.maxSafeInteger()), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue())), fc.nat(200), (tensors, length) => {
        const json = Buffer.from(JSON.stringify(tensors));
        const size = Buffer.alloc(8);
        size.writeBigUInt64LE(BigInt(json.length));
        taken(() => readSafetensorsHeader(memoryFile(Buffer.concat([size, json, Buffer.alloc(length)]), path)));
      }),
      { numRuns: 3000, seed },
    );
  });

  it('tokenizer.json: parts replaced by any JSON value', function () {
    this.timeout(60_000);
    const build = (json: unknown) => {
      const tokenizer = createTokenizer({
        where: path,
        json,
        vocabulary: 262,
        chatTemplate: smallTemplate,
        namedTokens: {},
        endIds: [1],
      });
      return tokenizer.decode(tokenizer.encode('hello <s> 12'));
    };
    assert.equal(build(smallTokenizerJson()), 'hello  12');
    const typed = fc.record({
      type: fc.constantFrom(
        'ByteLevel',
        'Sequence',
        'Split',
        'Digits',
        'NFC',
        'Replace',
        'Metaspace',
        'TemplateProcessing',
        'BPE',
        'Strip',
      ),
      pattern: fc.oneof(fc.record({ Regex: fc.string() }), fc.record({ String: fc.string() }), fc.jsonValue()),
      behavior: fc.constantFrom('Isolated', 'Removed', 'x', null),
      pretokenizers: fc.oneof(fc.array(fc.record({ type: fc.constantFrom('ByteLevel', 'Digits') })), fc.jsonValue()),
      decoders: fc.jsonValue(),
      single: fc.jsonValue(),
    });
    const keys = [
      'added_tokens',
      'normalizer',
      'pre_tokenizer',
      'post_processor',
      'decoder',
      'model',
      'vocab',
      'merges',
      'type',
      'unk_token',
    ];
    const replacement = fc.oneof(typed, fc.jsonValue(), fc.constant(undefined));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...keys), replacement), { minLength: 1, maxLength: 2 }),
        (changes) => {
          const json = smallTokenizerJson();
          for (const [key, value] of changes) {
            if (['vocab', 'merges', 'type', 'unk_token'].includes(key))
              json.model = { ...(json.model as object), [key]: value };
            else json[key] = value;
          }
          taken(() => build(json));
        },
      ),
      { numRuns: 2000, seed },
    );
  });
});
