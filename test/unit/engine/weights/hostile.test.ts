import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { rotaryDivisors } from '../../../../models/llama.ts';
import { readHuggingFaceConfig, toHuggingFaceConfig } from '../../../../server/engine/weights/huggingface.ts';
import { readSafetensorsHeader } from '../../../../server/engine/weights/safetensors.ts';
import { createTokenizer } from '../../../../server/engine/weights/tokenizer.ts';
import { UserError } from '../../../../server/errors.ts';
import {
  checkRefusal,
  type Damage,
  damaged,
  hostileSubjects,
  path,
  taken,
  words,
} from '../../../support/hostileHeaders.ts';
import { llamaConfig } from '../../../support/llamaConfig.ts';
import { memoryFile, smallConfig, smallTemplate, smallTokenizerJson } from './builders.ts';

const seed = 20260101;

/** Whether `read` took what it was given. Fails the test where it throws anything but a sentence that names the file. */
function accepted(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    checkRefusal(error);
    return false;
  }
}

/** One change to a file's bytes, anywhere or (more often) in its first `header` bytes. */
function damage(length: number, header: number): fc.Arbitrary<Damage> {
  const place = fc.oneof({ weight: 4, arbitrary: fc.nat(header - 1) }, { weight: 1, arbitrary: fc.nat(length - 1) });
  const word = fc.constantFrom(...words);
  return fc.oneof(
    fc.record({ kind: fc.constant('byte' as const), place, value: fc.nat(255) }),
    fc.record({ kind: fc.constant('u32' as const), place, value: word.map((value) => Number(value & 0xffffffffn)) }),
    fc.record({ kind: fc.constant('u64' as const), place, value: word }),
    fc.record({ kind: fc.constant('cut' as const), place }),
    fc.record({ kind: fc.constant('drop' as const), place, value: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('repeat' as const), place, value: fc.integer({ min: 1, max: 200 }) }),
  );
}

/** A million are read by `npm run prove -- headers`. */
const runs: Readonly<Record<string, number>> = { safetensors: 10_000, GGUF: 10_000 };

describe('hostile files', () => {
  for (const subject of hostileSubjects()) {
    const { name, bytes, header } = subject;
    const numRuns = runs[name] ?? 1000;
    it(`${name}: ${numRuns.toLocaleString('en-GB')} damaged headers`, function () {
      this.timeout(120_000);
      assert.ok(taken(subject, bytes), 'the undamaged file is taken');
      let refusals = 0;
      const changes = fc.array(damage(bytes.length, header), { minLength: 1, maxLength: 3 });
      const property = fc.property(changes, (list) => {
        if (!taken(subject, damaged(bytes, list))) refusals += 1;
      });
      fc.assert(property, { numRuns, seed });
      assert.ok(refusals > numRuns / 2, `only ${refusals} of ${numRuns} were refused`);
    });
  }

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
              const config = llamaConfig(readHuggingFaceConfig(folder));
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
        accepted(() => readSafetensorsHeader(memoryFile(Buffer.concat([size, json, Buffer.alloc(length)]), path)));
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
          accepted(() => build(json));
        },
      ),
      { numRuns: 2000, seed },
    );
  });
});
