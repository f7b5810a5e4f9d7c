import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFile } from '../../../../server/engine/weights/files.ts';
import { F16 } from '../../../../server/engine/weights/numbers.ts';
import { WeightReader } from '../../../../server/engine/weights/readWeights.ts';
import { NotFinite, type Widen, widenFromFile } from '../../../../server/engine/weights/widen.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('weights that two threads read', () => {
  const folder = temporaryFolder();
  const elements = 2 ** 20;
  const count = 10;

  /** Ten tensors of a million halves. */
  function tensors(name: string) {
    const halves = Uint16Array.from({ length: count * elements }, (_, k) => (k * 7919) % 0x7c00);
    const path = join(folder.path, name);
    writeFileSync(path, new Uint8Array(halves.buffer));
    const file = openFile(path);
    /** Tensors that were read on this side. */
    const own: number[] = [];
    const entries = Array.from({ length: count }, (_, k) => {
      const stored = { format: F16, offset: 2 * k * elements, elements };
      const counted = {
        ...file,
        read(target: Uint8Array, offset: number) {
          own.push(k);
          file.read(target, offset);
        },
      };
      return {
        file: counted,
        ...stored,
        read: (widen: Widen = widenFromFile) => ({ shape: [elements], data: widen(counted, stored) }),
      };
    });
    return { path, file, entries, own };
  }

  /** The first tensor takes so long that the thread comes to the others meanwhile. */
  function slowed<Entry extends { read(widen?: Widen): { shape: number[]; data: Float32Array } }>(entries: Entry[]) {
    const [first, ...others] = entries;
    const read = (widen?: Widen) => {
      for (const start = performance.now(); performance.now() - start < 2000; ) first.read();
      return first.read(widen);
    };
    return [{ ...first, read }, ...others];
  }

  async function readAll(entries: ConstructorParameters<typeof WeightReader>[0]) {
    const reader = new WeightReader(entries);
    try {
      return await reader.read();
    } finally {
      await reader.close();
    }
  }

  it('are what one thread reads, in their order', async () => {
    const { file, entries, own } = tensors('plain');
    const expected = entries.map((entry) => widenFromFile(file, entry));
    own.length = 0;
    const read = await readAll(slowed(entries));
    assert.deepEqual([...new Set(own)], [0], 'the thread has read all others');
    for (const [k, { data }] of read.entries()) assert.deepEqual(data, expected[k], `tensor ${k}`);
    file.close();
  });

  it('are read here where there are few', async () => {
    const { file, entries, own } = tensors('few');
    const read = await readAll(entries.slice(0, 3));
    assert.deepEqual([...new Set(own)], [0, 1, 2]);
    assert.deepEqual(read[2].data, widenFromFile(file, entries[2]));
    file.close();
  });

  it('name what is wrong as one thread does: a number that is none, a file that ends', async () => {
    const { path, file, entries } = tensors('damaged');
    const bytes = new Uint8Array(2);
    file.read(bytes, 0);
    truncateSync(path, 2 * count * elements - 2);
    await assert.rejects(readAll(slowed(entries)), /damaged ended at byte/);
    const halves = new Uint16Array(count * elements);
    halves[9 * elements + 5] = 0x7e00;
    writeFileSync(path, new Uint8Array(halves.buffer));
    await assert.rejects(
      readAll(slowed(entries)),
      (error: unknown) => error instanceof NotFinite && error.index === 5 && Number.isNaN(error.value),
    );
    file.close();
  });

  it('can be given up', async () => {
    const { file, entries } = tensors('given up');
    await new WeightReader(entries).close();
    file.close();
  });
});
