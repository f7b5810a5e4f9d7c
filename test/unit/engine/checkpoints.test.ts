import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { readLatestCheckpoint, writeCheckpoint } from '../../../server/engine/checkpoints.ts';
import type { Serialisable } from '../../../server/engine/stages/stage.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('checkpoints', () => {
  const temporary = temporaryFolder();
  let folder = '';
  let count = 0;
  beforeEach(() => {
    folder = join(temporary.path, `run-${count++}`);
  });
  const stepsIn = () => readdirSync(folder).sort();
  const readBack = (state: Serialisable) => {
    writeCheckpoint(folder, 1, state);
    return readLatestCheckpoint(folder).checkpoint?.state;
  };

  it('come back as they were written, with NaN, −0 and the infinities', () => {
    // A NaN of its own bits, −0, a denormal.
    const odd = new Float32Array(new Uint32Array([0x7fc12345, 0x80000000, 1, 0x7f800000]).buffer);
    const state = {
      numbers: [Number.NaN, -0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1 + 0.2, 2 ** 53],
      nested: {
        odd,
        empty: new Int32Array(0),
        counts: Int32Array.of(-1, 2 ** 31 - 1),
        list: [[], {}, null, 'ä\ud83d\ude00'],
      },
      $array: 0,
      $$number: { $number: '-0' },
    };
    const found = readBack(state) as typeof state;
    assert.deepEqual(found, state);
    assert.deepEqual(new Uint32Array(found.nested.odd.buffer), new Uint32Array(odd.buffer));
    assert.ok(Object.is(found.numbers[1], -0) && Object.is(found.numbers[2], 0));
  });

  it('come back as they were written, whatever the tree', () => {
    const { tree } = fc.letrec<{ tree: Serialisable }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        fc.double(),
        fc.string({ unit: 'binary' }),
        fc.float32Array(),
        fc.int32Array(),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(
          fc.oneof(fc.string(), fc.constantFrom('$array', '$number', '$', '__proto__', 'constructor')),
          tie('tree'),
          {
            maxKeys: 4,
            noNullPrototype: true,
          },
        ),
      ),
    }));
    fc.assert(
      fc.property(tree, (state) => {
        assert.deepEqual(readBack(state), state);
      }),
      { numRuns: 60 },
    );
  });

  it('keep two names of one array one array, and a part of a buffer that part', () => {
    const weights = new Float32Array([1, 2, 3, 4]);
    const found = readBack({ a: weights, b: weights, part: weights.subarray(1, 3) }) as Record<string, Float32Array>;
    assert.equal(found.a, found.b);
    assert.deepEqual(found.part, Float32Array.of(2, 3));
  });

  it('refuse what they could not restore, naming the place', () => {
    const bad = { deep: [{ when: new Date() }] } as unknown as Serialisable;
    assert.throws(() => writeCheckpoint(folder, 1, bad), /state\.deep\[0\]\.when cannot be kept/);
    assert.throws(
      () => writeCheckpoint(folder, 1, { a: undefined } as unknown as Serialisable),
      /state\.a .* undefined/,
    );
    assert.throws(() => writeCheckpoint(folder, 1, new Float64Array(1) as unknown as Serialisable), /Float64Array/);
    assert.throws(() => writeCheckpoint(folder, 1.5, null), /whole number, not 1\.5/);
    assert.deepEqual(stepsIn(), []);
  });

  it('the newest two are kept', () => {
    for (const step of [1, 2, 9, 10, 100]) writeCheckpoint(folder, step, { step });
    assert.deepEqual(stepsIn(), ['step-00000010', 'step-00000100']);
    assert.equal(readLatestCheckpoint(folder).checkpoint?.step, 100);
  });

  it('those of an abandoned future go', () => {
    for (const step of [1, 2, 3]) writeCheckpoint(folder, step, { step });
    rmSync(join(folder, 'step-00000003', 'state.json'));
    assert.equal(readLatestCheckpoint(folder).checkpoint?.step, 2);
    writeCheckpoint(folder, 2, { step: 'again' });
    assert.deepEqual(stepsIn(), ['step-00000002']);
    assert.deepEqual(readLatestCheckpoint(folder).checkpoint?.state, { step: 'again' });
  });

  it('what a killed writer left is neither read nor kept', () => {
    writeCheckpoint(folder, 1, 'whole');
    mkdirSync(join(folder, '.step-00000002.1-00ff.tmp'));
    writeFileSync(join(folder, '.step-00000002.1-00ff.tmp', 'state.json'), '"half');
    assert.equal(readLatestCheckpoint(folder).checkpoint?.state, 'whole');
    writeCheckpoint(folder, 2, 'next');
    assert.deepEqual(stepsIn(), ['step-00000001', 'step-00000002']);
  });

  it('no folder is no checkpoint', () => {
    assert.deepEqual(readLatestCheckpoint(join(folder, 'none')), { checkpoint: null, broken: [] });
  });

  const damages: [name: string, damage: (newest: string) => void, told: RegExp][] = [
    ['a flipped bit', (newest) => flip(join(newest, 'arrays.bin')), /checksum of arrays\.bin is wrong/],
    ['a changed tree', (newest) => flip(join(newest, 'state.json')), /checksum of state\.json is wrong/],
    ['a short file', (newest) => truncateSync(join(newest, 'arrays.bin'), 5), /arrays\.bin has 5 bytes instead of 12/],
    [
      'a long file',
      (newest) => writeFileSync(join(newest, 'arrays.bin'), Buffer.alloc(40)),
      /has 40 bytes instead of 12/,
    ],
    ['a missing file', (newest) => rmSync(join(newest, 'arrays.bin')), /arrays\.bin is missing/],
    ['a missing manifest', (newest) => rmSync(join(newest, 'checkpoint.json')), /checkpoint\.json cannot be read/],
    [
      'a torn manifest',
      (newest) => truncateSync(join(newest, 'checkpoint.json'), 30),
      /checkpoint\.json cannot be read/,
    ],
    ['another manifest', (newest) => writeFileSync(join(newest, 'checkpoint.json'), '[]'), /not a checkpoint's/],
    [
      'an absurd length',
      (newest) => rewrite(newest, (text) => text.replace('"length": 3', '"length": 3000000000')),
      /size of its arrays/,
    ],
    [
      'an absurd size',
      (newest) =>
        rewrite(newest, (text) =>
          text.replaceAll('"bytes": 12', '"bytes": 12000000000000').replace('"length": 3', '"length": 3000000000000'),
        ),
      /has 12 bytes instead/,
    ],
    ['another step', (newest) => rewrite(newest, (text) => text.replace('"step": 2', '"step": 7')), /says step 7/],
  ];
  for (const [name, damage, told] of damages) {
    it(`one with ${name} is passed over and told`, () => {
      writeCheckpoint(folder, 1, { good: new Float32Array(2) });
      damage(writeCheckpoint(folder, 2, { bad: new Float32Array([1, 2, 3]) }));
      const { checkpoint, broken } = readLatestCheckpoint(folder);
      assert.equal(checkpoint?.step, 1);
      assert.deepEqual(checkpoint?.state, { good: new Float32Array(2) });
      assert.equal(broken.length, 1);
      assert.match(broken[0], told);
    });
  }

  it('one of a newer format is refused by name, and nothing changes', () => {
    const newest = writeCheckpoint(folder, 1, null);
    rewrite(newest, (text) => text.replace('"format": 1', '"format": 2'));
    assert.throws(
      () => readLatestCheckpoint(folder),
      /UserError: .*checkpoint\.json is a checkpoint of format 2; .* up to 1\. Update Palate/,
    );
    assert.ok(existsSync(newest));
  });

  function flip(path: string): void {
    const bytes = readFileSync(path);
    bytes[4] ^= 1;
    writeFileSync(path, bytes);
  }

  function rewrite(checkpoint: string, change: (text: string) => string): void {
    const path = join(checkpoint, 'checkpoint.json');
    const before = readFileSync(path, 'utf8');
    assert.notEqual(change(before), before);
    writeFileSync(path, change(before));
  }
});
