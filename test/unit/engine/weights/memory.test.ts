import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { availableMemory, checkMemory, gigabytes } from '../../../../server/engine/weights/memory.ts';
import { UserError } from '../../../../server/errors.ts';

describe('memory', () => {
  it('finds some of the memory of this machine available', () => {
    const available = availableMemory();
    assert.ok(available > 50e6 && available <= totalmem(), `${available}`);
  });

  it('says what is needed, what there is, and what would fit', () => {
    const need = {
      what: 'Loading m.gguf',
      bytes: 3.2e9,
      wouldFit: (bytes: number) => `A model of ${bytes / 4e6} million weights would fit.`,
    };
    checkMemory(need, 3.2e9);
    assert.throws(
      () => checkMemory(need, 2e9),
      (error) => {
        const text =
          'Loading m.gguf needs about 3.2 GB of memory, and 2.0 GB is available. A model of 500 million weights would fit.';
        return error instanceof UserError && error.message === text;
      },
    );
  });

  it('writes sizes for people', () => {
    const sizes = [0, 98_600_000, 1.25e8, 3.21e9, 5.5e11, -5];
    assert.deepEqual(sizes.map(gigabytes), ['0 MB', '99 MB', '0.1 GB', '3.2 GB', '550 GB', '0 MB']);
  });
});
