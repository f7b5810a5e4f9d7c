import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFile } from '../../../../server/engine/weights/files.ts';
import {
  readSafetensors,
  readSafetensorsHeader,
  readSafetensorsTensor,
  writeSafetensors,
} from '../../../../server/engine/weights/safetensors.ts';
import { UserError } from '../../../../server/errors.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { memoryFile, smallWeights } from './builders.ts';

const refused = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

/** A file with this header and `data` zero bytes. */
function fileBytes(header: unknown, data = 0): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(data)]);
}

describe('safetensors', () => {
  const folder = temporaryFolder();

  it('writes and reads back float32 and metadata, bit for bit', () => {
    const path = join(folder.path, 'f32.safetensors');
    const weights = smallWeights();
    writeSafetensors(path, weights, { metadata: { 'palate.reward.bias': '0.25', note: 'ü' } });
    const { tensors, metadata } = readSafetensors(path);
    assert.deepEqual(new Map([...tensors].sort()), new Map([...weights].sort()));
    assert.deepEqual(metadata, { format: 'pt', 'palate.reward.bias': '0.25', note: 'ü' });
    assert.deepEqual(readdirSync(folder.path), ['f32.safetensors'], 'nothing is left beside it');
  });

  it('writes the same bytes whatever the order of the map, data aligned to 8', () => {
    const weights = [...smallWeights()];
    const paths = [weights, [...weights].reverse()].map((entries, index) => {
      const path = join(folder.path, `order${index}.safetensors`);
      writeSafetensors(path, new Map(entries));
      return path;
    });
    const [first, second] = paths.map((path) => readFileSync(path));
    assert.ok(first.equals(second));
    assert.equal(Number(first.readBigUInt64LE(0)) % 8, 0);
  });

  it('writes bfloat16 in half the space and reads it back', () => {
    const path = join(folder.path, 'bf16.safetensors');
    const weights = smallWeights();
    writeSafetensors(path, weights, { format: 'BF16' });
    const file = openFile(path);
    const header = readSafetensorsHeader(file);
    const entry = header.tensors.get('lm_head.weight');
    assert.ok(entry);
    assert.equal(entry.format.name, 'BF16');
    assert.equal(entry.bytes, 262 * 32 * 2);
    assert.deepEqual(readSafetensorsTensor(file, entry), weights.get('lm_head.weight'), 'multiples of 1/64 are exact');
    file.close();
  });

  it('leaves the old file whole when writing fails', () => {
    const path = join(folder.path, 'kept.safetensors');
    writeSafetensors(path, smallWeights());
    const before = readFileSync(path);
    const broken = new Map([['w', { shape: [3], data: new Float32Array(2) }]]);
    assert.throws(() => writeSafetensors(path, broken), /shape \[3\] does not describe 2 numbers/);
    assert.ok(readFileSync(path).equals(before));
    assert.ok(!readdirSync(folder.path).some((name) => name.endsWith('.tmp')));
  });

  it('reads an empty tensor and one without axes', () => {
    const header = {
      a: { dtype: 'F32', shape: [0, 4], data_offsets: [0, 0] },
      b: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
    };
    const { tensors } = readSafetensorsHeader(memoryFile(fileBytes(header, 4)));
    assert.equal(tensors.get('a')?.elements, 0);
    assert.equal(tensors.get('b')?.elements, 1);
  });

  it('refuses damaged, foreign and absurd headers, naming the field', () => {
    const entry = (changes: object) => ({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes } });
    const cases: [string, Uint8Array, RegExp][] = [
      ['empty', new Uint8Array(), /not a safetensors file/],
      ['foreign', Buffer.from('<!DOCTYPE html><html></html>'), /not a safetensors file; its header does not begin/],
      ['pickle', Buffer.from([0x80, 2, 0x8a, 0x0a, 1, 2, 3, 4, 5, 6]), /is a Python pickle/],
      ['zip', Buffer.from('PK\u0003\u0004\u0014\u0000\u0000\u0000\u0008'), /is a Python pickle/],
      [
        'long header',
        Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 0, 0, 0]), Buffer.from('{}')]),
        /header claims 1,099,511,627,775 bytes/,
      ],
      ['cut header', fileBytes(entry({}), 8).subarray(0, 30), /header claims \d+ bytes; the file has 30/],
      ['cut data', fileBytes(entry({}), 7), /tensor "w" lies at 0…8, past the 7 bytes/],
      ['not JSON', fileBytes('{"w": '), /header is not valid JSON/],
      [
        'not UTF-8',
        Buffer.concat([fileBytes('{"').subarray(0, 8), Buffer.from([0x7b, 0xff])]),
        /header is not valid JSON/,
      ],
      ['dtype', fileBytes(entry({ dtype: 'I64' }), 8), /tensor "w" has dtype "I64"; Palate reads F32, F16, BF16/],
      ['dtype of an object', fileBytes(entry({ dtype: 'constructor' }), 8), /has dtype "constructor"/],
      ['shape', fileBytes(entry({ shape: [2.5] }), 8), /shape that is not a list of sizes/],
      ['negative', fileBytes(entry({ shape: [-1, -2] }), 8), /shape that is not a list of sizes/],
      ['absurd shape', fileBytes(entry({ shape: [1e9, 1e9] }), 8), /does not take the 8 bytes/],
      ['offsets', fileBytes(entry({ data_offsets: [8, 0] }), 8), /tensor "w" lies at 8…0/],
      ['entry', fileBytes({ w: 5 }), /tensor "w" is not described by an object/],
      ['metadata', fileBytes({ __metadata__: { a: 1 } }), /"__metadata__" is not an object of strings/],
      ['gap', fileBytes(entry({ data_offsets: [4, 12] }), 12), /begins at byte \d+ where \d+ is expected/],
      [
        'overlap',
        fileBytes({ ...entry({}), v: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } }, 12),
        /tensor "v" begins/,
      ],
      ['rest', fileBytes(entry({}), 9), /1 bytes after the last tensor/],
    ];
    for (const [what, bytes, pattern] of cases)
      assert.throws(() => readSafetensorsHeader(memoryFile(bytes)), refused(pattern), what);
  });

  it('takes a header of 640 bytes, whose length looks like a pickle', () => {
    const json = JSON.stringify({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } });
    const bytes = fileBytes(json.padEnd(640), 8);
    assert.deepEqual([bytes[0], bytes[1]], [0x80, 2]);
    assert.equal(readSafetensorsHeader(memoryFile(bytes)).tensors.size, 1);
  });
});
