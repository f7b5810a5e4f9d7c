import assert from 'node:assert/strict';
import { masked } from '../../../../models/layers.ts';
import { cacheNames } from '../../../../models/network.ts';
import { KeyValueCache } from '../../../../server/engine/generation/cache.ts';
import type { Output } from '../../../../server/engine/runtime.ts';
import { tinyConfig } from '../../../support/tinyModel.ts';

const { keyValueHeads, headWidth, layers } = tinyConfig;

/** New keys and values of `rows` rows of T tokens; every number says where it belongs. */
function newTokens(rows: number, time: number, from: number): Record<string, Output> {
  const outputs: Record<string, Output> = {};
  for (let layer = 0; layer < layers; layer++) {
    const { key, value } = cacheNames(layer);
    for (const [part, name] of [key, value].entries()) {
      const data = new Float32Array(rows * keyValueHeads * time * headWidth);
      let at = 0;
      for (let row = 0; row < rows; row++)
        for (let head = 0; head < keyValueHeads; head++)
          for (let t = 0; t < time; t++)
            for (let e = 0; e < headWidth; e++) data[at++] = number({ row, head, t: from + t, e, layer, part });
      outputs[name] = { shape: [rows, keyValueHeads, time, headWidth], data };
    }
  }
  return outputs;
}

interface Place {
  readonly row: number;
  readonly head: number;
  readonly t: number;
  readonly e: number;
  readonly layer: number;
  readonly part: number;
}
const number = ({ row, head, t, e, layer, part }: Place) =>
  1 + e + 10 * head + 100 * part + 1000 * layer + 10_000 * row + 100_000 * t;

/** Asserts that row `row` holds the first `length` tokens of what was made as row `source`, and that the mask says so. */
function assertRow(cache: KeyValueCache, active: number, row: number, source: number, length: number): void {
  const feeds = cache.feeds(active) as Record<string, { data: Float32Array; shape: readonly number[] }>;
  const [, , , capacity] = feeds.pastMask.shape;
  const mask = feeds.pastMask.data.subarray(row * capacity, (row + 1) * capacity);
  assert.deepEqual(
    [...mask],
    Array.from({ length: capacity }, (_, t) => (t < length ? 0 : masked)),
  );
  for (let layer = 0; layer < layers; layer++) {
    const { pastKey, pastValue } = cacheNames(layer);
    for (const [part, name] of [pastKey, pastValue].entries()) {
      const inner = part === 0 ? [headWidth, capacity] : [capacity, headWidth];
      assert.deepEqual(feeds[name].shape, [active, keyValueHeads, ...inner]);
      assert.equal(feeds[name].data.length, active * keyValueHeads * capacity * headWidth);
      for (let head = 0; head < keyValueHeads; head++)
        for (let t = 0; t < length; t++)
          for (let e = 0; e < headWidth; e++) {
            const at =
              (row * keyValueHeads + head) * capacity * headWidth + (part === 0 ? e * capacity + t : t * headWidth + e);
            assert.equal(feeds[name].data[at], number({ row: source, head, t, e, layer, part }));
          }
    }
  }
}

describe('the cache of keys and values', () => {
  it('stores as many of the new tokens of each row as are real', () => {
    const cache = new KeyValueCache(tinyConfig, 3, 10);
    cache.append(newTokens(3, 8, 0), [8, 5, 0]);
    assert.deepEqual([...cache.lengths], [8, 5, 0]);
    for (const [row, length] of [8, 5, 0].entries()) assertRow(cache, 3, row, row, length);
  });

  it('goes on where each row ends', () => {
    const cache = new KeyValueCache(tinyConfig, 2, 10);
    cache.append(newTokens(2, 4, 0), [4, 4]);
    cache.append(newTokens(2, 1, 4), [1, 1]);
    cache.append(newTokens(1, 1, 5), [1]);
    assertRow(cache, 2, 0, 0, 6);
    assertRow(cache, 2, 1, 1, 5);
  });

  it('grows beyond its capacity and keeps what it held', () => {
    const cache = new KeyValueCache(tinyConfig, 2, 1);
    assert.equal((cache.feeds(2).pastMask as unknown as { shape: number[] }).shape[3], 32);
    for (let t = 0; t < 70; t++) cache.append(newTokens(2, 1, t), [1, 1]);
    assert.equal((cache.feeds(2).pastMask as unknown as { shape: number[] }).shape[3], 96);
    for (const row of [0, 1]) assertRow(cache, 2, row, row, 70);
  });

  it('copies rows, over longer ones too', () => {
    const cache = new KeyValueCache(tinyConfig, 3, 32);
    cache.append(newTokens(3, 9, 0), [9, 4, 2]);
    cache.copyRow(2, 0);
    assertRow(cache, 1, 0, 2, 2);
    cache.copyRow(1, 1);
    assertRow(cache, 2, 1, 1, 4);
  });

  it('feeds views of the first rows: nothing is copied', () => {
    const cache = new KeyValueCache(tinyConfig, 4, 32);
    const { pastKey } = cacheNames(0);
    const data = (active: number) => (cache.feeds(active)[pastKey] as { data: Float32Array }).data;
    assert.equal(data(2).buffer, data(4).buffer);
    assert.equal(data(2).length * 2, data(4).length);
  });
});
