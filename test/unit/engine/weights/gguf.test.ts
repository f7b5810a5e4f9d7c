import assert from 'node:assert/strict';
import { rotaryDivisors } from '../../../../models/llama.ts';
import { readGguf } from '../../../../server/engine/weights/gguf.ts';
import { ggufConfig, ggufTensorNames } from '../../../../server/engine/weights/ggufModel.ts';
import {
  ggufName,
  huggingFaceName,
  joinRotaryPairs,
  splitRotaryPairs,
} from '../../../../server/engine/weights/ggufNames.ts';
import { namedShapes } from '../../../../server/engine/weights/shapes.ts';
import { widenFromFile } from '../../../../server/engine/weights/widen.ts';
import { UserError } from '../../../../server/errors.ts';
import { llamaConfig } from '../../../support/llamaConfig.ts';
import {
  ggufBytes,
  ggufTensors,
  type Metadata,
  memoryFile,
  smallConfig,
  smallFamilies,
  smallMetadata,
  smallWeights,
} from './builders.ts';

const U32 = 4;
const F32 = 6;
const BOOL = 7;
const STRING = 8;

/** The configuration that a file with these extra or replaced keys gives. */
function configWith(...changes: Metadata) {
  const kept = smallMetadata().filter(([key]) => !changes.some(([changed]) => changed === key));
  return configOf(ggufBytes([...kept, ...changes.filter(([, , value]) => value !== undefined)], tensors()));
}

function configOf(bytes: Uint8Array) {
  const file = memoryFile(bytes);
  return llamaConfig(ggufConfig(readGguf(file), file));
}

const tensors = (config = smallConfig) => ggufTensors(smallWeights(config), config);
const divisors = (values: readonly number[]) => ({
  name: 'rope_freqs.weight',
  dimensions: [values.length],
  type: 0,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

const llama3 = {
  type: 'llama3',
  factor: 32,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalPositions: 8192,
} as const;

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

describe('GGUF', () => {
  it('reads metadata, and shapes with the outermost axis first', () => {
    const gguf = readGguf(memoryFile(ggufBytes(smallMetadata(), ggufTensors(smallWeights()))));
    assert.equal(gguf.metadata.get('llama.block_count'), 2);
    assert.deepEqual(gguf.metadata.get('tokenizer.ggml.merges'), ['h e', 'he l', 'Ġ h']);
    assert.equal(gguf.metadata.get('tokenizer.ggml.add_bos_token'), false);
    assert.deepEqual(gguf.tensors.get('blk.1.attn_k.weight')?.shape, [16, 32]);
    assert.deepEqual(configWith(), smallConfig);
  });

  it('reads a tensor larger than one piece', () => {
    const numbers = Float32Array.from({ length: 700_000 }, (_, i) => i);
    const tensor = { name: 't', dimensions: [1000, 700], type: 0, bytes: new Uint8Array(numbers.buffer) };
    const file = memoryFile(
      ggufBytes([], [{ name: 'first', dimensions: [1], type: 0, bytes: new Uint8Array(4) }, tensor]),
    );
    const read = readGguf(file).tensors.get('t');
    assert.ok(read);
    assert.deepEqual(widenFromFile(file, read), numbers);
  });

  it('gives names, and the output head, as Hugging Face has them', () => {
    const gguf = readGguf(memoryFile(ggufBytes(smallMetadata(), ggufTensors(smallWeights()))));
    assert.deepEqual([...ggufTensorNames(gguf).keys()].sort(), [...smallWeights().keys()].sort());
    const tied = configOf(
      ggufBytes(
        smallMetadata(),
        tensors().filter(({ name }) => name !== 'output.weight'),
      ),
    );
    assert.equal(tied.tiedEmbedding, true);
  });

  it("takes what the metadata leaves out from llama.cpp's defaults", () => {
    assert.equal(configWith(['llama.attention.head_count_kv', U32, undefined]).keyValueHeads, smallConfig.heads);
    assert.equal(configWith(['llama.vocab_size', U32, undefined]).vocabulary, smallConfig.vocabulary);
    assert.equal(configWith(['llama.rope.freq_base', U32, undefined]).ropeTheta, 10000);
    assert.equal(
      configWith(['llama.attention.key_length', U32, 10], ['llama.attention.value_length', U32, 10]).headWidth,
      10,
    );
  });

  it('reads Qwen2, Qwen3, and Llama with biases', () => {
    for (const [name, config] of Object.entries(smallFamilies)) {
      assert.deepEqual(configOf(ggufBytes(smallMetadata(config), tensors(config))), config, name);
    }
  });

  it("gives every family's tensors names that lead back, and q and k of Llama alone an order of their own", () => {
    for (const [family, config] of [...Object.entries(smallFamilies), ['llama', smallConfig] as const]) {
      const name = family === 'biased' ? 'llama' : (family as 'llama' | 'qwen2' | 'qwen3');
      for (const { name: weight } of namedShapes(config)) {
        const inFile = ggufName(weight, name);
        assert.ok(inFile !== undefined, weight);
        assert.equal(huggingFaceName(inFile, name), weight);
      }
    }
    assert.equal(ggufName('model.layers.0.self_attn.q_norm.weight', 'qwen2'), undefined);
    assert.equal(huggingFaceName('blk.0.attn_q_norm.weight', 'llama'), undefined);
    assert.equal(huggingFaceName('blk.0.attn_output.bias', 'qwen2'), undefined);
  });

  it('reads linear scaling, with and without its type, and the older key', () => {
    const linear = { ...smallConfig, ropeScaling: { type: 'linear', factor: 4 } };
    assert.deepEqual(
      configWith(['llama.rope.scaling.type', STRING, 'linear'], ['llama.rope.scaling.factor', F32, 4]),
      linear,
    );
    assert.deepEqual(configWith(['llama.rope.scaling.factor', F32, 4]), linear);
    assert.deepEqual(configWith(['llama.rope.scale_linear', F32, 4]), linear);
    assert.deepEqual(configWith(['llama.rope.scaling.type', STRING, 'linear']), smallConfig);
    assert.deepEqual(
      configWith(['llama.rope.scaling.type', STRING, 'none'], ['llama.rope.scaling.factor', F32, 4]),
      smallConfig,
    );
  });

  it("recognises Llama 3's scaling in the divisors, and keeps others as they are", () => {
    const withDivisors = (values: readonly number[], ...more: Metadata) =>
      configOf(ggufBytes([...smallMetadata(), ...more], [...tensors(), divisors(values)])).ropeScaling;
    // Wavelengths at theta 10,000 and four pairs: 2π · 10^k for k = 0…3; the last lies between 8192 / 4 and 8192.
    const between = (8192 / (2000 * Math.PI) - 1) / 3;
    const scaled = [1, 1, 1, 1 / ((1 - between) / 32 + between)];
    const largest = Math.fround(scaled[3]);
    assert.deepEqual(withDivisors([1, 1, 1, 1]), undefined);
    assert.deepEqual(withDivisors([1, 1.5, 3, 3]), { type: 'factors', factors: [1, 1.5, 3, 3] });
    assert.deepEqual(withDivisors(scaled), { type: 'factors', factors: [1, 1, 1, largest] });
    assert.throws(() => withDivisors([1, 1, 1]), refused(/rope_freqs\.weight is \[3\]; one number .* 4 rotary pairs/));
    assert.throws(() => withDivisors([1, 0, 1, 1]), refused(/rope_freqs\.weight: a factor is 0/));
    assert.throws(() => withDivisors([1, Number.NaN, 1, 1]), refused(/a factor is NaN/));
    const linear = ['llama.rope.scaling.factor', F32, 2] as const;
    assert.throws(() => withDivisors(scaled, linear), refused(/rope_freqs\.weight and a linear scaling/));
    const wide = { ...smallConfig, width: 64, headWidth: 16, ropeTheta: 500000, ropeScaling: llama3 };
    const file = ggufBytes(smallMetadata(wide), [...tensors(wide), divisors(rotaryDivisors(wide))]);
    assert.deepEqual(configOf(file), wide);
  });

  it('refuses other architectures and what is not built, by name', () => {
    const cases: [Metadata[number], RegExp][] = [
      [
        ['general.architecture', STRING, 'gemma2'],
        /general\.architecture is "gemma2"; Palate reads .*"llama", "qwen2", "qwen3"/,
      ],
      [['general.architecture', STRING, undefined], /general\.architecture is missing/],
      [['general.type', STRING, 'adapter'], /general\.type is "adapter"/],
      [['split.count', U32, 3], /one of 3 parts/],
      [['llama.rope.scaling.type', STRING, 'yarn'], /llama\.rope\.scaling\.type is "yarn": this way of scaling/],
      [['llama.attention.sliding_window', F32, 0.5], /sliding_window is 0\.5/],
      [['llama.attention.sliding_window', STRING, '16'], /sliding_window is "16"; one number is expected/],
      [['llama.expert_count', U32, 8], /expert_count is 8/],
      [['llama.attention.causal', BOOL, false], /attention\.causal is false/],
      [['llama.rope.dimension_sections', U32, [1, 1, 2, 0]], /dimension_sections is a list of 4/],
      [['llama.rope.scaling.factor', F32, -2], /rope\.scaling\.factor: the factor is -2/],
      [['llama.rope.dimension_count', U32, 4], /dimension_count is 4, and a head is 8 wide/],
      [['llama.block_count', U32, undefined], /llama\.block_count is missing/],
      [['llama.block_count', U32, 1_000_000_000], /llama\.block_count is 1,000,000,000; .*from 1 to 1,000/],
      [['llama.block_count', STRING, '2'], /llama\.block_count is "2"; one number is expected/],
      [['llama.attention.head_count', U32, 0], /head_count is 0/],
      [['llama.attention.head_count_kv', U32, 3], /head_count is 4, which is not a multiple of .*head_count_kv, 3/],
      [['llama.embedding_length', U32, 30], /key_length is 7.5/],
    ];
    for (const [change, pattern] of cases) assert.throws(() => configWith(change), refused(pattern), String(change));
    assert.equal(configWith(['llama.rope.scaling.type', STRING, 'none']).layers, 2);
    const windows = [0, 16, 4096].map((window) => configWith(['llama.attention.sliding_window', U32, window]));
    assert.deepEqual(
      windows.map(({ maxPositions }) => maxPositions),
      [64, 16, 64],
    );
  });

  it('refuses strange tensors, by name', () => {
    const extra = (name: string) => {
      const tensor = { name, dimensions: [32], type: 0, bytes: new Uint8Array(128) };
      return ggufTensorNames(
        readGguf(memoryFile(ggufBytes(smallMetadata(), [...ggufTensors(smallWeights()), tensor]))),
      );
    };
    assert.throws(() => extra('blk.0.ffn_up.bias'), refused(/"llama" does not have: blk\.0\.ffn_up\.bias/));
    assert.throws(() => extra('blk.0.attn_q_norm.weight'), refused(/does not have: blk\.0\.attn_q_norm\.weight/));
    assert.throws(() => extra('blk.0.ffn_gate_exps.weight'), refused(/does not have: blk\.0\.ffn_gate_exps\.weight/));
    assert.throws(() => extra('blk.0.constructor.weight'), refused(/blk\.0\.constructor\.weight/));
  });

  it('refuses damaged headers, naming the field', () => {
    const tensor = (changes: object) => [
      { name: 'w', dimensions: [32, 2], type: 0, bytes: new Uint8Array(256), ...changes },
    ];
    const cases: [string, Uint8Array, RegExp][] = [
      ['empty', new Uint8Array(), /not a GGUF file; it has only 0 bytes/],
      ['foreign', Buffer.alloc(64, 'PNG '), /begins with "PNG "/],
      ['old', ggufBytes([], [], 2), /GGUF version 2; Palate reads version 3/],
      ['big-endian', ggufBytes([], [], 0x03000000), /big-endian/],
      [
        'twice a key',
        ggufBytes(
          [
            ['a', U32, 1],
            ['a', U32, 1],
          ],
          [],
        ),
        /metadata key "a" occurs twice/,
      ],
      ['unknown metadata type', ggufBytes([['a', 77, 1]], []), /metadata key "a" is of type 77/],
      ['twice a tensor', ggufBytes([], [...tensor({}), ...tensor({})]), /tensor "w" occurs twice/],
      [
        'other quantisation',
        ggufBytes([], tensor({ type: 16 })),
        /tensor "w" is of type IQ2_XXS \(16\); Palate reads F32, F16, Q4_0/,
      ],
      ['unknown type', ggufBytes([], tensor({ type: 999 })), /of type unknown \(999\)/],
      ['five axes', ggufBytes([], tensor({ dimensions: [1, 1, 1, 1, 1] })), /tensor "w" has 5 axes/],
      ['no size', ggufBytes([], tensor({ dimensions: [0, 5] })), /axis of size 0/],
      ['broken block', ggufBytes([], tensor({ dimensions: [33], type: 8 })), /not a multiple of Q8_0's block of 32/],
      [
        'absurd size',
        ggufBytes([], tensor({ dimensions: [2 ** 40, 2 ** 13] })),
        /claims 1,099,511,627,776 × 8,192 numbers/,
      ],
      ['past the end', ggufBytes([], tensor({ bytes: new Uint8Array(224) })), /tensor "w" should end at byte/],
      ['alignment', ggufBytes([['general.alignment', U32, 48]], tensor({})), /general\.alignment is 48/],
    ];
    for (const [what, bytes, pattern] of cases)
      assert.throws(() => readGguf(memoryFile(bytes)), refused(pattern), what);
  });

  it('refuses counts and lengths that the file cannot hold', () => {
    const bytes = ggufBytes([['key', STRING, 'value']], []);
    const withU64 = (at: number, value: bigint) => {
      const copy = Buffer.from(bytes);
      copy.writeBigUInt64LE(value, at);
      return () => readGguf(memoryFile(copy));
    };
    for (const value of [10n ** 9n, 2n ** 40n, 2n ** 64n - 1n]) {
      assert.throws(withU64(8, value), refused(/tensor count is/));
      assert.throws(withU64(16, value), refused(/metadata key count is/));
      assert.throws(withU64(24, value), refused(/metadata key 1 of 1: name|metadata key 1 of 1 \(length\) is/));
      assert.throws(withU64(24 + 8 + 3 + 4, value), refused(/metadata key "key" \(length\) is/));
    }
    // Below every limit of Palate's, but more than there are bytes.
    assert.throws(withU64(8, 90_000n), refused(/tensor count is 90,000/));
    assert.throws(withU64(16, 9000n), refused(/metadata key count is 9,000/));
    const wide = [{ name: 'w', dimensions: [2 ** 20, 2 ** 10], type: 0, bytes: new Uint8Array(32) }];
    assert.throws(() => readGguf(memoryFile(ggufBytes([], wide))), refused(/claims 1,048,576 × 1,024 numbers/));
  });

  it('refuses tensors that lie over one another', () => {
    const bytes = ggufBytes(
      [],
      [
        { name: 'a', dimensions: [16], type: 0, bytes: new Uint8Array(64) },
        { name: 'b', dimensions: [16], type: 0, bytes: new Uint8Array(64) },
      ],
    );
    const place = bytes.lastIndexOf(Buffer.from([64, 0, 0, 0, 0, 0, 0, 0]));
    bytes.writeBigUInt64LE(32n, place);
    assert.throws(() => readGguf(memoryFile(bytes)), refused(/tensors "a", "b" lie over one another/));
  });

  it('undoes the permutation: attention scores under rotary positions are the same in both orders', () => {
    const [headWidth, columns] = [8, 5];
    const random = (length: number, seed: number) =>
      Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));
    const [query, key] = [random(2 * headWidth * columns, 1), random(2 * headWidth * columns, 2)];
    const [x, y] = [random(columns, 3), random(columns, 4)];
    const project = (weight: Float32Array, input: Float32Array) =>
      Array.from({ length: weight.length / columns }, (_, row) =>
        input.reduce((sum, value, c) => sum + value * weight[row * columns + c], 0),
      );
    // llama.cpp rotates neighbours (2i, 2i + 1); Hugging Face rotates (i, i + half).
    const rotate = (vector: number[], position: number, members: (pair: number) => [number, number]) => {
      const result = [...vector];
      for (let base = 0; base < vector.length; base += headWidth) {
        for (let pair = 0; pair < headWidth / 2; pair++) {
          const angle = position * 10000 ** ((-2 * pair) / headWidth);
          const [a, b] = members(pair).map((offset) => base + offset);
          result[a] = vector[a] * Math.cos(angle) - vector[b] * Math.sin(angle);
          result[b] = vector[b] * Math.cos(angle) + vector[a] * Math.sin(angle);
        }
      }
      return result;
    };
    const neighbours = (pair: number): [number, number] => [2 * pair, 2 * pair + 1];
    const halves = (pair: number): [number, number] => [pair, pair + headWidth / 2];
    const score = (q: number[], k: number[]) => q.reduce((sum, value, i) => sum + value * k[i], 0);
    const stored = score(rotate(project(query, x), 7, neighbours), rotate(project(key, y), 3, neighbours));
    const [q, k] = [query, key].map((weight) => splitRotaryPairs(weight.slice(), { headWidth, columns }));
    const back = joinRotaryPairs(q, { headWidth, columns });
    assert.deepEqual(back, query);
    assert.ok(Math.abs(score(rotate(project(q, x), 7, halves), rotate(project(k, y), 3, halves)) - stored) < 1e-9);
    const unpermuted = score(rotate(project(query, x), 7, halves), rotate(project(key, y), 3, halves));
    assert.ok(Math.abs(unpermuted - stored) > 1e-3, 'without the permutation the scores differ');
  });
});
