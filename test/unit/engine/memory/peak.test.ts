import assert from 'node:assert/strict';
import { peakMemory } from '../../../../server/engine/memory/peak.ts';

describe('the peak of memory', () => {
  it('is at least what is held, and grows with what is written to', () => {
    const before = peakMemory();
    assert.ok(before >= process.memoryUsage().rss * 0.9);
    const room = before - process.memoryUsage().rss;
    // More than is free below the peak, every page of it touched.
    const bytes = Buffer.alloc(room + 64 * 2 ** 20, 1);
    assert.ok(peakMemory() >= before + 32 * 2 ** 20, `${before}, then ${peakMemory()}`);
    assert.equal(bytes[bytes.length - 1], 1);
  });
});
