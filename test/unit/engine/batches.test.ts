import assert from 'node:assert/strict';
import {
  type Bucket,
  bucketFor,
  cheapestLines,
  type PackedBatch,
  pack,
  type Row,
  suitedTo,
} from '../../../server/engine/batches.ts';
import { uniform } from '../../../server/engine/random.ts';

/** Rows of the given lengths whose ids say row and place; every second place is read. */
function rowsOf(lengths: readonly number[]): Row[] {
  return lengths.map((length, row) => {
    const ids = Array.from({ length }, (_, k) => 1 + 1000 * row + k);
    return { ids, reads: ids.flatMap((_, k) => (k % 2 === 1 || k === length - 1 ? [k] : [])) };
  });
}

const randomLengths = (count: number, most: number) =>
  Array.from(
    { length: count },
    (_, row) => 1 + Math.floor(uniform({ seed: 2, purpose: 'split', step: 0, row }) * most),
  );

/** What a graph would see: the ids around each read, the positions, and that a segment is one row. */
function assertHolds(batches: readonly PackedBatch[], rows: readonly Row[], bucket: Bucket): void {
  const placed = batches.flatMap((batch) => batch.rows.map(({ row }) => row));
  assert.deepEqual(
    placed.toSorted((a, b) => a - b),
    [...rows.keys()],
    'each row lies in one place',
  );
  for (const { rows: inside, feeds } of batches) {
    assert.equal(feeds.ids.length, bucket.batch * bucket.time);
    assert.equal(feeds.index.length, bucket.reads);
    for (const { row, start, count } of inside) {
      const { ids, reads } = rows[row];
      assert.equal(count, reads.length);
      const from = feeds.index[start] - reads[0];
      const line = Math.floor(from / bucket.time);
      assert.equal(Math.floor((from + ids.length - 1) / bucket.time), line, 'a row lies in one line');
      const segment = feeds.segments[from];
      assert.ok(segment > 0, '0 is what fills up');
      for (const [k, id] of ids.entries()) {
        assert.deepEqual([feeds.ids[from + k], feeds.positions[from + k]], [id, k]);
        assert.equal(feeds.segments[from + k], segment);
      }
      const others = [from - 1, from + ids.length].filter((at) => Math.floor(at / bucket.time) === line);
      for (const at of others) assert.notEqual(feeds.segments[at], segment);
      assert.deepEqual(
        [...feeds.index.subarray(start, start + count)],
        reads.map((read) => from + read),
      );
    }
  }
}

describe('batches', () => {
  it('hold every row once, in a segment of its own, positions from 0', () => {
    const rows = rowsOf(randomLengths(40, 60));
    const bucket = bucketFor(rows, 256);
    assert.equal(bucket.time % 32, 0);
    assert.equal(bucket.reads % 256, 0);
    const batches = pack(rows, bucket);
    assertHolds(batches, rows, bucket);
    assert.ok(
      batches.some((batch) => batch.rows.length > bucket.batch),
      'some lines hold several rows',
    );
  });

  it('put one row a line where asked', () => {
    const rows = rowsOf(randomLengths(20, 30));
    const bucket = bucketFor(rows, 128);
    const batches = pack(rows, bucket, { separate: true });
    assertHolds(batches, rows, bucket);
    assert.deepEqual(
      batches.map((batch) => batch.rows.length),
      [4, 4, 4, 4, 4],
    );
  });

  it('keep to the places that may be read', () => {
    const rows = rowsOf([20, 20, 20]);
    const bucket = { batch: 4, time: 32, reads: 20 };
    const batches = pack(rows, bucket);
    assertHolds(batches, rows, bucket);
    assert.deepEqual(
      batches.map((batch) => batch.rows.length),
      [2, 1],
    );
  });

  it('have lines for the longest row, and as many as the tokens allow, at least one', () => {
    assert.deepEqual(bucketFor(rowsOf([10, 65]), 1024), { batch: 12, time: 80, reads: 256 });
    assert.deepEqual(bucketFor(rowsOf([500]), 64), { batch: 1, time: 512, reads: 256 });
    assert.deepEqual(bucketFor([], 64), { batch: 4, time: 16, reads: 256 });
  });

  it('hold in a shuffled order what fits in the given one', () => {
    const rows = rowsOf(randomLengths(60, 50));
    const bucket = bucketFor(rows, 512);
    const shuffled = rows.toSorted((a, b) => (a.ids[0] % 7) - (b.ids[0] % 7));
    assertHolds(pack(shuffled, bucket), shuffled, bucket);
  });

  it('refuse a row that fits nowhere', () => {
    assert.throws(
      () => pack(rowsOf([3, 40]), { batch: 1, time: 32, reads: 256 }),
      /Row 1 has 40 tokens and 20 reads; the bucket holds 32/,
    );
    assert.throws(() => pack(rowsOf([10]), { batch: 1, time: 32, reads: 4 }), RangeError);
  });

  it('have as many lines as cost least: no half empty micro-batch', () => {
    // 8 rows, one a line: two passes of 4 instead of 6 and 2.
    assert.equal(
      cheapestLines(6, (lines) => Math.ceil(8 / lines)),
      4,
    );
    assert.equal(
      cheapestLines(12, (lines) => Math.ceil(33 / lines)),
      11,
    );
    assert.equal(
      cheapestLines(8, (lines) => Math.ceil(8 / lines)),
      8,
      'fewer passes where the lines are the same',
    );
  });

  it('suited to groups hold every row of each, and any one row', () => {
    const groups = [rowsOf([100, 150, 90, 100, 120, 100, 95, 101]), rowsOf(randomLengths(8, 150))];
    const wide = bucketFor(groups.flat(), 1024);
    assert.equal(wide.batch, 6);
    const suited = suitedTo(groups, wide);
    assert.equal(suited.batch, 4);
    assert.ok(suited.reads <= wide.reads);
    for (const rows of groups) assertHolds(pack(rows, suited), rows, suited);
    const longest = groups.flat().toSorted((a, b) => b.reads.length - a.reads.length)[0];
    assertHolds(pack([longest], suited), [longest], suited);
    assert.deepEqual(suitedTo([[]], wide), { ...wide, reads: 256 });
  });
});
